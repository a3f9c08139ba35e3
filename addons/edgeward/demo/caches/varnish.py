"""Varnish, run for tests, benchmarks and the demonstration."""

import os
from collections.abc import Mapping

from edgeward.demo.caches.base import DEPLOY, CacheServer, replace_setting


class Varnish(CacheServer):
    """varnishd with deploy/varnish/default.vcl. Its storage is in memory.

    `tags` and `bans`, set before `start`: whether it accepts purges by tag and by prefix.
    """

    driver = "varnish"
    program = "varnishd"
    tags = False
    bans = False
    compiler = ""
    """Compiles the VCL: Varnish's parameter cc_command; "": Varnish's own, which optimizes."""

    def section(self, name: str) -> dict[str, object]:
        return {**super().section(name), "tags": self.tags, "bans": self.bans}

    def _command(self) -> list[str]:
        vcl = (DEPLOY / "varnish" / "default.vcl").read_text()
        vcl = replace_setting(r'\.host = ".*?"', f'.host = "{self.backend[0]}"', vcl)
        vcl = replace_setting(r'\.port = ".*?"', f'.port = "{self.backend[1]}"', vcl)
        vcl = replace_setting(r'include "edgeward.vcl";', self._includes(), vcl)
        (self.directory / "default.vcl").write_text(vcl)
        return [
            *(self._program, "-F", "-n", str((self.directory / "varnish").absolute())),
            *(
                "-a",
                f"{self.address[0]}:{self.address[1]}",
                "-f",
                str((self.directory / "default.vcl").absolute()),
            ),
            *("-p", f"vcl_path={DEPLOY / 'varnish'}", "-s", "malloc,64m", "-T", "127.0.0.1:0"),
            *(("-p", f"cc_command={self.compiler}") if self.compiler else ()),
            *(("-j", "none") if os.geteuid() == 0 else ()),
        ]

    def _includes(self) -> str:
        more = (("edgeward-tags.vcl", self.tags), ("edgeward-bans.vcl", self.bans))
        return "\n".join(f'include "{name}";' for name, on in (("edgeward.vcl", True), *more) if on)

    def _environment(self) -> Mapping[str, str]:
        return {"EDGEWARD_PURGE_SECRET": self.secret}

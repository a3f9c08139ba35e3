"""Squid, run for tests, benchmarks and the demonstration."""

import re
from pathlib import Path

from edgeward.demo.caches.base import DEPLOY, CacheServer, free_port, replace_setting

_MORE_SETTINGS = """
cache_log /dev/null
netdb_filename none
pid_filename none
shutdown_lifetime 0 seconds
"""
"""No files are written: started by root, Squid becomes another user, who may not write to this directory."""


class Squid(CacheServer):
    """Squid with deploy/squid/squid.conf. Its storage is in memory, and `htcp_address` takes HTCP."""

    driver = "squid"
    program = "squid"
    cannot_bind = "Cannot bind"

    def __init__(self, directory: Path, backend: tuple[str, int], secret: str = "") -> None:
        super().__init__(directory, backend, secret)
        self.htcp_address = ("127.0.0.1", free_port())
        self.nowhere_address = ("127.0.0.1", free_port())

    def _command(self) -> list[str]:
        root = self.directory.absolute()
        main = (DEPLOY / "squid" / "squid.conf").read_text() + _MORE_SETTINGS
        main = replace_setting(r"visible_hostname \S+", f"visible_hostname squid-{self.address[1]}", main)
        main = replace_setting(r"http_port \S+", f"http_port {self.address[0]}:{self.address[1]}", main)
        main = replace_setting(
            r"cache_peer \S+ parent \d+", f"cache_peer {self.backend[0]} parent {self.backend[1]}", main
        )
        main = replace_setting(r"cache_mem \d+", "cache_mem 64", main)
        main = replace_setting(r"include \S+", f"include {root}/edgeward.conf", main)
        ours = (DEPLOY / "squid" / "edgeward.conf").read_text() + self._htcp
        host, port = self.nowhere_address
        ours = replace_setting(r"http_port \S+", f"http_port {host}:{port}", ours)
        ours = replace_setting(r"cache_peer \S+ parent \d+", f"cache_peer {host} parent {port}", ours)
        ours = replace_setting(r"include \S+", f"include {root}/edgeward-secret.conf", ours)
        secret = (DEPLOY / "squid" / "edgeward-secret.conf").read_text()
        if self.secret:
            secret = f"acl edgeward_secret req_header Edgeward-Secret ^{_escaped(self.secret)}$\n"
        (root / "squid.conf").write_text(main)
        (root / "edgeward.conf").write_text(ours)
        (root / "edgeward-secret.conf").write_text(secret)
        return [self._program, "-N", "-d", "1", "-f", str(root / "squid.conf")]

    @property
    def _htcp(self) -> str:
        host, port = self.htcp_address
        return f"\nudp_incoming_address {host}\nhtcp_port {port}\nhtcp_clr_access allow edgeward_purgers\n"

    def _ready(self) -> bool:
        # Logged once per port that Squid has bound. Before that another server may answer there.
        return self._logged().count("Accepting reverse-proxy") == 2 and super()._ready()


def _escaped(secret: str) -> str:
    """The secret as a regular expression without blanks, which would end it in Squid's configuration."""
    return re.escape(secret).replace("\\ ", "[[:space:]]")

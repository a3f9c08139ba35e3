"""Apache Traffic Server, run for tests, benchmarks and the demonstration."""

import shutil
from collections.abc import Mapping

from edgeward.demo.caches.base import DEPLOY, CacheServer, replace_setting

_LAYOUT = {
    "exec_prefix": "/usr",
    "bindir": "/usr/bin",
    "sbindir": "/usr/bin",
    "datadir": "/usr/share",
    "libdir": "/usr/lib/trafficserver",
    "libexecdir": "/usr/lib/trafficserver/modules",
}
"""Where Debian installs it."""
_OWN_DIRECTORIES = {
    "sysconfdir": "etc",
    "localstatedir": "run",
    "runtimedir": "run",
    "logdir": "log",
    "cachedir": "cache",
}
"""What is in the directory of the cache."""

_TO_STDERR = {f"PROXY_CONFIG_DIAGS_OUTPUT_{level}": "E" for level in ("ERROR", "FATAL", "ALERT", "EMERGENCY")}


class TrafficServer(CacheServer):
    """traffic_server with the files of deploy/trafficserver. Its storage is in `directory`."""

    driver = "trafficserver"
    program = "traffic_server"
    cannot_bind = "Could not bind"

    def _command(self) -> list[str]:
        root = self.directory.absolute()
        for part in _OWN_DIRECTORIES.values():
            (root / part).mkdir(exist_ok=True)
        shutil.copytree(DEPLOY / "trafficserver", root / "etc", dirs_exist_ok=True)
        listen, backend = f"{self.address[1]}:ip-in={self.address[0]}", f"http://{self.backend[0]}:{self.backend[1]}/"
        self._replace_in("records.config", r"STRING \d+:\S+", f"STRING {listen}")
        self._replace_in("remap.config", r"http://\S+", backend)
        self._replace_in("storage.config", r"\S+ \S+", f"{root}/cache 64M")
        self._replace_in("edgeward-secret.config", r'=".*?"', f'="{self.secret}"')
        layout = {"prefix": root, **_LAYOUT, **{name: root / part for name, part in _OWN_DIRECTORIES.items()}}
        (root / "runroot.yaml").write_text("".join(f"{name}: {place}\n" for name, place in layout.items()))
        return [self._program, f"--run-root={root}/runroot.yaml"]

    def _replace_in(self, name: str, pattern: str, replacement: str) -> None:
        path = self.directory / "etc" / name
        path.write_text(replace_setting(pattern, replacement, path.read_text()))

    def _environment(self) -> Mapping[str, str]:
        # "#-1": keep the user that starts it. Another one could not write to this directory.
        return {"PROXY_CONFIG_ADMIN_USER_ID": "#-1", "PROXY_CONFIG_CRASH_LOG_HELPER": "", **_TO_STDERR}

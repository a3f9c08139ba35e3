"""nginx, run for tests, benchmarks and the demonstration."""

import os
import shutil
from pathlib import Path

from edgeward.demo.caches.base import DEPLOY, CacheServer, free_port, replace_setting


class Nginx(CacheServer):
    """nginx with deploy/nginx/nginx.conf. Its storage is in `directory`, and purges have their own listener.

    `slice_bytes`, set before `start`: the size of the stored slices; 0: whole responses are stored.
    """

    driver = "nginx"
    program = "nginx"
    slice_bytes = 0

    def __init__(self, directory: Path, backend: tuple[str, int], secret: str = "") -> None:
        super().__init__(directory, backend, secret)
        self.purge_address = ("127.0.0.1", free_port())
        self._unused_address = ("127.0.0.1", free_port())

    def section(self, name: str) -> dict[str, object]:
        return {**super().section(name), "slice_bytes": self.slice_bytes}

    def _command(self) -> list[str]:
        root = self.directory.absolute()
        temporary = "".join(
            f"\n  {kind}_temp_path {root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        main = (DEPLOY / "nginx" / "nginx.conf").read_text()
        main = replace_setting(r"pid .*?;", f"pid {self._pid_file.absolute()};", main)
        main = replace_setting(r"error_log .*?;", f"error_log {root}/nginx.log;", main)
        main = replace_setting(r"access_log off;", f"access_log off;{temporary}", main)
        main = replace_setting(r"server 127.0.0.1:8000;", f"server {self.backend[0]}:{self.backend[1]};", main)
        main = replace_setting(r"listen .*?;", f"listen {self.address[0]}:{self.address[1]};", main)
        self._write_cache_file("edgeward-cache.conf", self._unused_address if self.slice_bytes else self.purge_address)
        if self.slice_bytes:
            main = self._sliced(main)
        self._pid_file.unlink(missing_ok=True)
        (root / "nginx.conf").write_text(main)
        (root / "edgeward-secret.conf").write_text(f'"{self.secret}" 0;\n')
        shutil.copy(DEPLOY / "nginx" / "edgeward-location.conf", root)
        user = "user root; " if os.geteuid() == 0 else ""
        return [self._program, "-c", str(root / "nginx.conf"), "-g", f"{user}daemon off;"]

    def _sliced(self, main: str) -> str:
        """Make clients use the cache of slices, and purges its listener."""
        self._write_cache_file("edgeward-slice.conf", self.purge_address)
        location = (DEPLOY / "nginx" / "edgeward-slice-location.conf").read_text()
        location = replace_setting(r"slice .*?;", f"slice {self.slice_bytes};", location)
        (self.directory / "edgeward-slice-location.conf").write_text(location)
        main = replace_setting("edgeward-location.conf", "edgeward-slice-location.conf", main)
        both = "include edgeward-cache.conf;\n  include edgeward-slice.conf;"
        return replace_setting("include edgeward-cache.conf;", both, main)

    def _write_cache_file(self, name: str, address: tuple[str, int]) -> None:
        """Write a file of deploy/ that defines a cache, with its purge listener at `address`."""
        root = self.directory.absolute()
        text = (DEPLOY / "nginx" / name).read_text()
        text = replace_setting(r"proxy_cache_path \S+", f"proxy_cache_path {root}/{name.removesuffix('.conf')}", text)
        text = replace_setting(r"listen .*?;", f"listen {address[0]}:{address[1]};", text)
        (root / name).write_text(text)

    def _ready(self) -> bool:
        # The pid file is written after nginx has bound its ports. Before that another server may answer there.
        return self._pid_file.exists() and super()._ready()

    @property
    def _pid_file(self) -> Path:
        return self.directory / "nginx.pid"

"""A real Varnish or nginx on free ports of 127.0.0.1, run with the very files of deploy/."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from edgeward.errors import CacheUnavailable, ConfigError

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
"""The cache configurations: part of a checkout, not of the installed package."""
START_SECONDS = 20.0


class CacheServer(ABC):
    """One cache process in a directory of its own. `start` after `stop` or `kill` uses the same ports again.

    Args:
        directory: for its configuration, files and log; it is made.
        backend: (host, port) that it fetches from.
        secret: what a purge must carry in the header Edgeward-Secret; "" for none.

    Raises:
        ConfigError: the program or the files of deploy/ are missing.
    """

    driver: str
    program: str

    def __init__(self, directory: Path, backend: tuple[str, int], secret: str = "") -> None:
        self.directory = directory
        self.backend = backend
        self.secret = secret
        self.address = ("127.0.0.1", _free_port())
        self.purge_address = self.address
        self._process: subprocess.Popen[bytes] | None = None
        self._program = _find(self.program)
        if not DEPLOY.is_dir():
            raise ConfigError(f"{DEPLOY} is missing: the cache runs only from a checkout")
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def purge_url(self) -> str:
        """Where it takes purges: `url` of its [[caches]] section."""
        return f"http://{self.purge_address[0]}:{self.purge_address[1]}"

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            CacheUnavailable: it ended at once or never answered; the message ends with its log.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment()},
                start_new_session=True,
            )
        self._wait_ready(self._process)

    def stop(self) -> None:
        """End it in good order. Nothing happens when it does not run."""
        self.resume()
        # To the parent only, which ends its children.
        self._end(os.kill, signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(os.killpg, signal.SIGKILL)

    def pause(self) -> None:
        """Make it unreachable with all that it holds: SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`: SIGCONT."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def _command(self) -> list[str]:
        """Write the configuration; return the arguments to run it in the foreground."""

    def _environment(self) -> Mapping[str, str]:
        return {}

    def _ready(self) -> bool:
        return _answers(self.address) and _answers(self.purge_address)

    @property
    def _log(self) -> Path:
        return self.directory / f"{self.driver}.log"

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _end(self, send: Callable[[int, int], None], number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            send(process.pid, number)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise CacheUnavailable(f"{self.driver} did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.02)


class Varnish(CacheServer):
    """varnishd with deploy/varnish/default.vcl, its storage in memory."""

    driver = "varnish"
    program = "varnishd"

    def _command(self) -> list[str]:
        vcl = (DEPLOY / "varnish" / "default.vcl").read_text()
        vcl = _replace(r'\.host = ".*?"', f'.host = "{self.backend[0]}"', vcl)
        vcl = _replace(r'\.port = ".*?"', f'.port = "{self.backend[1]}"', vcl)
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
            *(("-j", "none") if os.geteuid() == 0 else ()),
        ]

    def _environment(self) -> Mapping[str, str]:
        return {"EDGEWARD_PURGE_SECRET": self.secret}


class Nginx(CacheServer):
    """nginx with deploy/nginx/nginx.conf, its storage in `directory`; purges go to a listener of its own."""

    driver = "nginx"
    program = "nginx"

    def __init__(self, directory: Path, backend: tuple[str, int], secret: str = "") -> None:
        super().__init__(directory, backend, secret)
        self.purge_address = ("127.0.0.1", _free_port())

    def _command(self) -> list[str]:
        root = self.directory.absolute()
        temporary = "".join(
            f"\n  {kind}_temp_path {root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        main = (DEPLOY / "nginx" / "nginx.conf").read_text()
        main = _replace(r"pid .*?;", f"pid {self._pid_file.absolute()};", main)
        main = _replace(r"error_log .*?;", f"error_log {root}/nginx.log;", main)
        main = _replace(r"access_log off;", f"access_log off;{temporary}", main)
        main = _replace(r"server 127.0.0.1:8000;", f"server {self.backend[0]}:{self.backend[1]};", main)
        main = _replace(r"listen .*?;", f"listen {self.address[0]}:{self.address[1]};", main)
        cache = (DEPLOY / "nginx" / "edgeward-cache.conf").read_text()
        cache = _replace(r"proxy_cache_path \S+", f"proxy_cache_path {root}/cache", cache)
        cache = _replace(r"listen .*?;", f"listen {self.purge_address[0]}:{self.purge_address[1]};", cache)
        self._pid_file.unlink(missing_ok=True)
        (root / "nginx.conf").write_text(main)
        (root / "edgeward-cache.conf").write_text(cache)
        (root / "edgeward-secret.conf").write_text(f'"{self.secret}" 0;\n')
        shutil.copy(DEPLOY / "nginx" / "edgeward-location.conf", root)
        user = "user root; " if os.geteuid() == 0 else ""
        return [self._program, "-c", str(root / "nginx.conf"), "-g", f"{user}daemon off;"]

    def _ready(self) -> bool:
        # Written once its ports are its own: before that another server may answer there.
        return self._pid_file.exists() and super()._ready()

    @property
    def _pid_file(self) -> Path:
        return self.directory / "nginx.pid"


SERVERS: tuple[type[CacheServer], ...] = (Varnish, Nginx)


def _replace(pattern: str, replacement: str, text: str) -> str:
    """Replace the first match outside a comment; a file that no longer has one must not be run half-changed."""
    changed, count = re.subn(rf"(?m)^([^#\n]*?){pattern}", lambda found: found[1] + replacement, text, count=1)
    if not count:
        raise ConfigError(f"deploy/ has changed: no {pattern!r} to replace")
    return changed


def _find(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
    if not found:
        raise ConfigError(f"{program} is not installed: run `make setup`")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True

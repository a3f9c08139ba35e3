"""Runs a real cache on free ports of 127.0.0.1 with the configuration files of deploy/."""

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

DEPLOY = Path(__file__).resolve().parents[4] / "deploy"
"""The configuration files. They are in the repository, not in the installed package."""
START_SECONDS = 60.0


class CacheServer(ABC):
    """One cache process with its own directory. `start` after `stop` or `kill` uses the same ports again.

    Args:
        directory: for its configuration, storage and log. It is created.
        backend: (host, port) that the cache fetches from.
        secret: what a purge must have in the header Edgeward-Secret; "" for no secret.

    Raises:
        ConfigError: the program or the files of deploy/ are missing.
    """

    driver: str
    program: str
    cannot_bind: str = ""
    """What the log says if a port is taken, for a cache that then runs on without that port; "" for others."""

    def __init__(self, directory: Path, backend: tuple[str, int], secret: str = "") -> None:
        self.directory = directory
        self.backend = backend
        self.secret = secret
        self.address = ("127.0.0.1", free_port())
        self.purge_address = self.address
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._program = find_program(self.program)
        if not DEPLOY.is_dir():
            raise ConfigError(f"{DEPLOY} is missing: the cache runs only from a checkout")
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """URL for clients."""
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def purge_url(self) -> str:
        """URL for purges: `url` of its [[caches]] table."""
        return f"http://{self.purge_address[0]}:{self.purge_address[1]}"

    def section(self, name: str) -> dict[str, object]:
        """Its [[caches]] table in Edgeward's settings."""
        return {"name": name, "driver": self.driver, "url": self.purge_url, "secret": self.secret}

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            CacheUnavailable: it ended or did not answer in time. The message has the end of its log.
        """
        with self._log.open("ab") as log:
            self._log_start = log.tell()
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
        """Stop it with SIGTERM. Does nothing if it is not running."""
        self.resume()
        # To the main process only, which stops its own child processes.
        self._end(os.kill, signal.SIGTERM)

    def kill(self) -> None:
        """Kill it at once, with SIGKILL."""
        self._end(os.killpg, signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it with SIGSTOP: it does not answer, and keeps what it holds."""
        self._signal(signal.SIGSTOP)
        if self._process is not None and self._process.poll() is None:
            # Until all its threads stand still. Without reaping it: that is left to `_process`.
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Undo `pause` with SIGCONT."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Not `stop`: some caches take seconds for that.
        self.kill()

    @abstractmethod
    def _command(self) -> list[str]:
        """Write the configuration and return the command that runs the cache in the foreground."""

    def _environment(self) -> Mapping[str, str]:
        return {}

    def _ready(self) -> bool:
        return is_listening(self.address) and is_listening(self.purge_address)

    @property
    def _log(self) -> Path:
        return self.directory / f"{self.driver}.log"

    def _logged(self) -> str:
        """The log since the last start."""
        return self._log.read_bytes()[self._log_start :].decode(errors="replace")

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
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if process.poll() is not None or time.monotonic() > deadline or self._failed_to_bind():
                self.kill()
                raise CacheUnavailable(f"{self.driver} did not start: {self._logged()[-2000:]}")
            time.sleep(0.02)

    def _failed_to_bind(self) -> bool:
        return bool(self.cannot_bind) and self.cannot_bind in self._logged()


def replace_setting(pattern: str, replacement: str, text: str) -> str:
    """Replace the first match outside of comments. Raises ConfigError if there is none: the file in deploy/ changed."""
    changed, count = re.subn(rf"(?m)^([^#\n]*?){pattern}", lambda found: found[1] + replacement, text, count=1)
    if not count:
        raise ConfigError(f"deploy/ has changed: no {pattern!r} to replace")
    return changed


def find_program(program: str) -> str:
    """The path of a program in PATH or in the sbin directories. Raises ConfigError."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
    if not found:
        raise ConfigError(f"{program} is not installed: run `make setup`")
    return found


def free_port() -> int:
    """A free TCP port of 127.0.0.1, reserved until this process ends.

    It is bound here, so that no other search for a free port finds it before the server starts. The server can bind it
    too: servers set SO_REUSEADDR, which allows that as long as this socket does not listen.
    """
    holder = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        holder.setsockopt(socket.SOL_SOCKET, option, 1)
    holder.bind(("127.0.0.1", 0))
    _reserved_ports.append(holder)
    port: int = holder.getsockname()[1]
    return port


_reserved_ports: list[socket.socket] = []


def is_listening(address: tuple[str, int]) -> bool:
    """Whether a server accepts TCP connections at (host, port)."""
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True

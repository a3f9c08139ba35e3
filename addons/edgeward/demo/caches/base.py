"""What every runner of a real cache does: it runs it on free ports of 127.0.0.1 with the very files of deploy/."""

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
"""The cache configurations: part of a checkout, not of the installed package."""
START_SECONDS = 60.0


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
    cannot_bind: str = ""
    """What its log says when a port is taken, where it goes on without that port."""

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
        """Where clients reach it."""
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def purge_url(self) -> str:
        """Where it takes purges: `url` of its [[caches]] section."""
        return f"http://{self.purge_address[0]}:{self.purge_address[1]}"

    def section(self, name: str) -> dict[str, object]:
        """Its [[caches]] section under that name."""
        return {"name": name, "driver": self.driver, "url": self.purge_url, "secret": self.secret}

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            CacheUnavailable: it ended at once or never answered; the message ends with its log.
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
        # Some take seconds to end in good order.
        self.kill()

    @abstractmethod
    def _command(self) -> list[str]:
        """Write the configuration; return the arguments to run it in the foreground."""

    def _environment(self) -> Mapping[str, str]:
        return {}

    def _ready(self) -> bool:
        return answers(self.address) and answers(self.purge_address)

    @property
    def _log(self) -> Path:
        return self.directory / f"{self.driver}.log"

    def _logged(self) -> str:
        """What it has logged since it was started."""
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
            if process.poll() is not None or time.monotonic() > deadline or self._gave_up():
                self.kill()
                raise CacheUnavailable(f"{self.driver} did not start: {self._logged()[-2000:]}")
            time.sleep(0.02)

    def _gave_up(self) -> bool:
        return bool(self.cannot_bind) and self.cannot_bind in self._logged()


def replaced(pattern: str, replacement: str, text: str) -> str:
    """Replace the first match outside a comment; a file that no longer has one must not be run half-changed."""
    changed, count = re.subn(rf"(?m)^([^#\n]*?){pattern}", lambda found: found[1] + replacement, text, count=1)
    if not count:
        raise ConfigError(f"deploy/ has changed: no {pattern!r} to replace")
    return changed


def find_program(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
    if not found:
        raise ConfigError(f"{program} is not installed: run `make setup`")
    return found


def free_port() -> int:
    """A free TCP port of 127.0.0.1, held for this process until it ends.

    Nobody else who looks for a free one gets it before its server starts, which may bind it all the same: servers set
    SO_REUSEADDR, and who is bound and does not listen is then in nobody's way.
    """
    holder = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        holder.setsockopt(socket.SOL_SOCKET, option, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    port: int = holder.getsockname()[1]
    return port


_held: list[socket.socket] = []


def answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True

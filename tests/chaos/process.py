"""Processes that nobody watches but the run itself: the store, and roles of Edgeward that were started apart."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import edgeward
from edgeward.demo.edge import Edge
from edgeward.errors import Unavailable

START_SECONDS = 30.0


class Part(Protocol):
    """Something that can be killed, started again, frozen and thawed."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Service:
    """One process. `command` is asked for at each start; `ready` says whether it answers.

    Like an init system it is started once more where it ends by itself at a start, as a process does whose store is
    away.
    """

    def __init__(self, log: Path, command: Callable[[], Sequence[str]], ready: Callable[[], bool]) -> None:
        self.log = log
        self._command, self._ready = command, ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        deadline = time.monotonic() + START_SECONDS
        self._spawn()
        while not self._ready():
            if time.monotonic() > deadline:
                raise Unavailable(f"{self.log.stem} does not start: see {self.log}")
            if self._process is None or self._process.poll() is not None:
                time.sleep(0.5)
                self._spawn()
            time.sleep(0.05)

    def _spawn(self) -> None:
        package = str(Path(edgeward.__file__).parent.parent)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": package},
                start_new_session=True,
            )

    @property
    def session(self) -> int:
        """Of the process and its children; 0 while it is not there."""
        return self._process.pid if self._process else 0

    def stop(self) -> None:
        self.resume()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(number)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(20)


class Supervised:
    """A process of `edgeward run`, which starts it again by itself. `number`: which one of its role."""

    def __init__(self, edge: Edge, role: str, number: int = 0) -> None:
        self._edge, self._role, self._number = edge, role, number
        self._frozen = 0

    def start(self) -> None:
        """That is the supervisor's to do."""

    def stop(self) -> None:
        """That is the supervisor's to do."""

    def kill(self) -> None:
        self._send(self._pid(), signal.SIGKILL)

    def pause(self) -> None:
        self._frozen = self._pid()
        self._send(self._frozen, signal.SIGSTOP)

    def resume(self) -> None:
        self._send(self._frozen, signal.SIGCONT)

    def _pid(self) -> int:
        pids = self._edge.run_file["processes"][self._role]
        return int(pids[self._number]) if self._number < len(pids) else 0

    @staticmethod
    def _send(pid: int, number: signal.Signals) -> None:
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def edgeward_role(role: str, config: Path) -> Sequence[str]:
    return [sys.executable, "-m", "edgeward", role, "-c", str(config)]


def door_of(state: Path) -> tuple[str, str]:
    """(HOST:PORT, token) of the admin API that a controller left in its state_dir. OSError, ValueError: none yet."""
    data = json.loads((state / "api.json").read_text())
    return data["url"].removeprefix("http://"), data["token"]

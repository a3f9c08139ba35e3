"""Components that can be killed and frozen: processes of `edgeward run`, and those that the run starts by itself."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tests.support.eventually import until

import edgeward
from edgeward.demo.edge import Edge
from edgeward.errors import Unavailable

START_SECONDS = 30.0
RESTART_SECONDS = 0.5


class Component(Protocol):
    """Can be killed, started again, frozen and resumed."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class StandaloneProcess:
    """One process that the run starts by itself: `command()` gives its command line, `ready()` whether it answers.

    A process that ends during its start is started again, as by an init system: Edgeward ends if the store is down.
    `environ`: added to its environment.
    """

    def __init__(
        self,
        log: Path,
        command: Callable[[], Sequence[str]],
        ready: Callable[[], bool],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self._command, self._ready, self._environ = command, ready, environ or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start it unless it runs, and return when it answers."""
        with self._starting:
            if not self._is_running():
                self._spawn()
            try:
                until(self._started, f"the start of {self.log.stem} (see {self.log})", START_SECONDS, pause=0.05)
            except AssertionError as error:
                raise Unavailable(str(error)) from None

    def _started(self) -> bool:
        if self._ready():
            return True
        if not self._is_running():
            time.sleep(RESTART_SECONDS)
            self._spawn()
        return False

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _spawn(self) -> None:
        package, tests = Path(edgeward.__file__).parent.parent, Path(__file__).parents[2]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": f"{package}:{tests}", **self._environ},
                start_new_session=True,
            )

    @property
    def session(self) -> int:
        """The session id of the process and its children; 0 before its first start."""
        return self._process.pid if self._process else 0

    def stop(self) -> None:
        self.resume()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        with self._starting:
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


class SupervisedProcess:
    """A process of `edgeward run`, whose supervisor starts it again. `number`: its place among those of its role."""

    def __init__(self, edge: Edge, role: str, number: int = 0) -> None:
        self._edge, self._role, self._number = edge, role, number
        self._frozen = 0

    def start(self) -> None:
        """The supervisor does that."""

    def stop(self) -> None:
        """The supervisor does that."""

    def kill(self) -> None:
        self._send(self._pid(), signal.SIGKILL)

    def pause(self) -> None:
        self._frozen = self._pid()
        self._send(self._frozen, signal.SIGSTOP)

    def resume(self) -> None:
        self._send(self._frozen, signal.SIGCONT)

    def _pid(self) -> int:
        try:
            pids = self._edge.run_file["processes"][self._role]
        except (OSError, ValueError):
            return 0  # the supervisor is down
        return int(pids[self._number]) if self._number < len(pids) else 0

    @staticmethod
    def _send(pid: int, number: signal.Signals) -> None:
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


class Machine:
    """An `edgeward run` as a whole. Frozen: its supervisor is. Killed: the supervisor, which ends all its processes."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def start(self) -> None:
        self._edge.start()

    def stop(self) -> None:
        self._edge.stop()

    def kill(self) -> None:
        members = self._edge.members()
        self._edge.process.kill()
        self._edge.process.wait()
        until(lambda: not any(map(_is_alive, members)), "the end of a machine's processes", START_SECONDS)

    def pause(self) -> None:
        os.kill(self._edge.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._edge.process.pid, signal.SIGCONT)


class IsolatedProcess:
    """One of the isolated processes (hashers) that a process of Edgeward has started: another one each time.

    `session`: gives the session id of that process.
    """

    def __init__(self, session: Callable[[], int], seed: int) -> None:
        self._session, self._choices = session, random.Random(f"isolated process {seed}")
        self._frozen = 0

    def start(self) -> None:
        """The process that has started it does that."""

    def stop(self) -> None:
        """The process that has started it does that."""

    def kill(self) -> None:
        self._signal(self._any(), signal.SIGKILL)

    def pause(self) -> None:
        self._frozen = self._any()
        self._signal(self._frozen, signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(self._frozen, signal.SIGCONT)

    def _any(self) -> int:
        session = self._session()
        found = [pid for pid in _processes_of(session) if pid != session]
        return self._choices.choice(found) if found else 0

    @staticmethod
    def _signal(pid: int, number: signal.Signals) -> None:
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _processes_of(session: int) -> list[int]:
    """The ids of all processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if os.getsid(int(entry.name)) == session:
                found.append(int(entry.name))
    return found


def _is_alive(pid: int) -> bool:
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def edgeward_role(role: str, config: Path) -> Sequence[str]:
    return [sys.executable, "-m", "edgeward", role, "-c", str(config)]


def local_access(state: Path) -> tuple[str, str]:
    """(HOST:PORT, token) of the admin API, from the file that a controller writes to its state_dir.

    Raises:
        OSError, ValueError: there is none yet.
    """
    data = json.loads((state / "api.json").read_text())
    return data["url"].removeprefix("http://"), data["token"]

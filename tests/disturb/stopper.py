"""Stops random processes of a test run for a moment, as a busy machine does, and continues them.

Only descendants of the run are stopped: not pytest itself, nor its workers (tests/disturb/injected/sitecustomize.py
disturbs those), and never a process that a test has stopped itself.
"""

import ctypes
import fcntl
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

STOPPED_SECONDS = (0.05, 0.9)
GAP_SECONDS = (0.0, 0.5)
_PR_SET_CHILD_SUBREAPER = 36


class Process(NamedTuple):
    """What /proc says of one; `state` is "T" where it is stopped and "Z" where it has ended (proc_pid_stat(5))."""

    pid: int
    state: str
    parent: int
    group: int


def keep_orphans() -> None:
    """From now on, a descendant whose parent ends becomes a child of this process: none escapes (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def processes() -> Iterator[Process]:
    """All of the machine."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                state, parent, group, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                yield Process(int(entry.name), state, int(parent), int(group))


def descendants(root: int) -> dict[int, Process]:
    """Children of `root`, their children and so on, without `root`."""
    children: dict[int, list[Process]] = {}
    for process in processes():
        children.setdefault(process.parent, []).append(process)
    found: dict[int, Process] = {}
    parents = [root]
    while parents:
        for child in children.get(parents.pop(), []):
            found[child.pid] = child
            parents.append(child.pid)
    return found


class Stopper:
    """`with Stopper(pytest_pid, directory, seed) as stopper`: it stops and continues until the end of the block.

    `directory` holds the notes of what tests have stopped themselves: that of sitecustomize.py.
    """

    def __init__(self, pytest: int, directory: Path, seed: int) -> None:
        self.stops = 0
        """How many so far."""
        self._pytest, self._directory = pytest, directory
        self._choices = random.Random(f"stops {seed}")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stopper")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def targets(self) -> list[Process]:
        """What may be stopped now: what the tests have started, and is neither stopped nor at its end."""
        mine = descendants(os.getpid())
        runners = {pid for pid, process in mine.items() if self._pytest in (pid, process.parent)}
        return [mine[pid] for pid in sorted(mine.keys() - runners) if mine[pid].state not in "TtZX"]

    def _run(self) -> None:
        while not self._ended.wait(self._choices.uniform(*GAP_SECONDS)):
            targets = self.targets()
            if targets:
                self._stop(self._choices.choice(targets), self._choices.uniform(*STOPPED_SECONDS))

    def _stop(self, target: Process, seconds: float) -> None:
        with self._locked(), suppress(ProcessLookupError):
            if self._stopped_by_a_test(target):
                return
            os.kill(target.pid, signal.SIGSTOP)
            self.stops += 1
        try:
            self._ended.wait(seconds)
        finally:
            with self._locked(), suppress(ProcessLookupError):
                if not self._stopped_by_a_test(target):
                    os.kill(target.pid, signal.SIGCONT)

    def _stopped_by_a_test(self, target: Process) -> bool:
        notes = (f"process-{target.pid}", f"group-{target.group}")
        return any((self._directory / note).exists() for note in notes)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Against a test that stops or continues the same process in this moment."""
        with (self._directory / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

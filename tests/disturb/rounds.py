"""Rounds of disturbed tests: each is one run of pytest with a seed of its own, and is ended when time is up."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.disturb.stopper import Stopper, descendants, keep_orphans
from tests.disturb.waits import COLLECTED, OUTCOME
from tests.support.eventually import until

ROOT = Path(__file__).parents[2]
INSIDE = Path(__file__).parent / "injected" / "sitecustomize.py"
WORKERS = 2
TEST_SECONDS = 300
"""After which a test counts as failed: more than in a run that nobody disturbs."""
KILL_SECONDS = 10.0
REPORT_SECONDS = 15.0
"""Left to pytest at the end of the time, to print what has failed."""
NO_TESTS_FAILED = (0, 5)
"""Exit statuses of pytest: all passed, or none was there."""


@dataclass(slots=True)
class Round:
    """What came of one.

    Attributes:
        failed: names of tests, each once.
        collected: how many tests there were to run.
        cut: it was ended because time was up.
        broken: pytest itself failed.
        left: processes that were still there at its end, by command; they are killed.
    """

    seed: int
    seconds: float = 0.0
    passed: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)
    collected: int = 0
    stops: int = 0
    cut: bool = False
    broken: bool = False
    left: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.failed and not self.broken

    @property
    def not_run(self) -> int:
        return max(0, self.collected - self.passed - self.skipped - len(self.failed))


def play(rooms: Sequence[str], seed: int, seconds: float, directory: Path) -> Round:
    """One round in an empty directory, for at most so many seconds and what pytest needs to print its failures."""
    directory.mkdir()
    keep_orphans()
    shutil.copy(INSIDE, directory)
    (directory / "seed").write_text(str(seed))
    played, began = Round(seed), time.monotonic()
    process = subprocess.Popen(_command(rooms), cwd=ROOT, env=_environment(directory, seed), start_new_session=True)
    try:
        with Stopper(process.pid, directory, seed) as stopper:
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            played.stops = stopper.stops
        if process.poll() is None:
            played.cut = True
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(REPORT_SECONDS)
    finally:
        played.left = end_descendants()
        process.wait()
    played.seconds = time.monotonic() - began
    read_outcomes(directory / "outcomes", played)
    played.broken = not played.cut and not played.failed and process.returncode not in NO_TESTS_FAILED
    return played


def read_outcomes(file: Path, played: Round) -> None:
    """What tests/disturb/waits.py has written down so far."""
    outcomes: dict[str, str] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        kind, what, name = line.split(" ", 2)
        if kind == COLLECTED:
            played.collected = int(what)
        elif kind == OUTCOME and outcomes.get(name) != "failed":
            outcomes[name] = what
    played.failed = sorted(name for name, what in outcomes.items() if what == "failed")
    played.passed = sum(what == "passed" for what in outcomes.values())
    played.skipped = sum(what == "skipped" for what in outcomes.values())


def end_descendants() -> list[str]:
    """Kill every descendant of this process and wait for its end. The commands of those that were still running."""
    left: list[str] = []
    until(lambda: not _kill_descendants(left), "the end of every process", KILL_SECONDS)
    return left


def _kill_descendants(left: list[str]) -> bool:
    """Whether there are any. Those that have ended are waited for, so that no zombie stays."""
    found = descendants(os.getpid())
    for pid, process in found.items():
        if process.state == "Z":
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            continue
        with suppress(OSError):
            left.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            os.kill(pid, signal.SIGKILL)
    return bool(found)


def _command(rooms: Sequence[str]) -> list[str]:
    options = ["-q", "-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder", "-p", "no:cacheprovider"]
    return [sys.executable, "-m", "pytest", *options, "--timeout", str(TEST_SECONDS), *rooms]


def _environment(directory: Path, seed: int) -> dict[str, str]:
    path = [str(directory), str(ROOT), os.environ.get("PYTHONPATH", "")]
    # A round that a test starts is a run of its own, no worker of the run that the test is part of.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTEST_PLUGINS": "tests.disturb.waits",
        "DISTURB_SEED": str(seed),
        "DISTURB_OUTCOMES": str(directory / "outcomes"),
    }

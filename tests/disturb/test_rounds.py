"""Rounds of disturbed tests: what they count, how they end, and that nothing is left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.disturb.rounds import ROOT, Round, read_outcomes
from tests.disturb.stopper import processes

TESTS = """
import os, pytest, subprocess, sys, threading

def test_waits_late():
    import tests.support.eventually as waiting
    assert waiting.until.__name__ == "wait_late"

def test_is_disturbed():
    assert threading.Thread.start.__name__ == "start_late"

@pytest.mark.measures_time
def test_measures():
    assert False

def test_fails():
    assert False
"""
HANGS = """
import os, subprocess, sys, time

def test_passes():
    pass

def test_hangs():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", os.environ["MARK"]], start_new_session=True)
    time.sleep(600)
"""


def run(tmp_path: Path, code: str, minutes: float = 1.5) -> subprocess.CompletedProcess[str]:
    """`python -m tests.disturb` on one file."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = measures_time\n")
    (tmp_path / "test_some.py").write_text(code)
    command = [
        sys.executable,
        "-m",
        "tests.disturb",
        "--seed",
        "5",
        "--minutes",
        str(minutes),
        "--rounds",
        "1",
        str(tmp_path),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MARK": str(tmp_path)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110)


def test_a_failure_is_named_with_its_seed(tmp_path: Path) -> None:
    """Tests run disturbed, one that measures time is skipped, and one that fails fails the run."""
    done = run(tmp_path, TESTS)
    assert done.returncode == 1
    assert "seed 5: 2 passed, 1 failed, 1 skipped, 0 not run" in done.stdout
    assert "failed with seed 5: " in done.stdout
    assert "test_some.py::test_fails" in done.stdout


def test_it_ends_in_time_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Tests that hang are ended when time is up, with what they have started, in sessions of its own too."""
    done = run(tmp_path, HANGS, minutes=0.6)
    assert "seed 5: 1 passed, 0 failed, 0 skipped, 1 not run" in done.stdout
    assert "(time was up)" in done.stdout
    assert done.returncode == 0
    assert not any(str(tmp_path).encode() in _command(process.pid) for process in processes())


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("outcomes", ["failed passed", "passed failed"])
def test_a_test_that_failed_once_has_failed(tmp_path: Path, outcomes: str) -> None:
    """Whether in its call or in its tear-down; a skipped one is neither, and what has no outcome was not run."""
    lines = ["collected 4 ", *(f"outcome {outcome} t::one" for outcome in outcomes.split()), "outcome skipped t::two"]
    (tmp_path / "outcomes").write_text("\n".join([*lines, "outcome passed t::three[a b]"]))
    played = Round(1)
    read_outcomes(tmp_path / "outcomes", played)
    assert (played.failed, played.passed, played.skipped, played.not_run) == (["t::one"], 1, 1, 1)
    assert not played.ok

"""Pauses of an event loop, measured inside the process."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.fuzz.loop_pauses import STALL_SECONDS, Pause, pauses, read, watched

LOOP = """
import asyncio, sys, time

def compute(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

async def main():
    await asyncio.sleep(0.05)
    if sys.argv[2] == "compute":
        compute(0.12)
    elif sys.argv[2] == "wait":
        time.sleep(0.12)
    elif sys.argv[2] == "await":
        await asyncio.sleep(0.2)
    await asyncio.sleep(0.05)

asyncio.run(main())
"""


def worst(directory: Path, does: str) -> Pause | None:
    with watched(directory, stacks=True):
        subprocess.run([sys.executable, "-c", LOOP, "proxy", does], check=True)
    found = [pause for pause in pauses(directory) if pause.own > STALL_SECONDS]
    return max(found, key=lambda pause: pause.own, default=None)


@pytest.mark.parametrize(("does", "computed"), [("compute", True), ("wait", False)])
def test_what_holds_up_the_loop_is_seen(tmp_path: Path, does: str, computed: bool) -> None:
    """A callback that computes or blocks for 120 ms is a pause of that length, with its place in the code."""
    pause = worst(tmp_path, does)
    assert pause is not None
    assert pause.own > 0.1
    assert (pause.computed > 0.1) == computed
    assert "in main" in pause.stack
    assert str(pause).startswith(f"{1000 * pause.own:.0f} ms")


def test_a_loop_that_waits_for_events_does_not_pause(tmp_path: Path) -> None:
    """Awaiting 200 ms is not a pause; only the machine itself may have stood still."""
    pause = worst(tmp_path, "await")
    assert pause is None or pause.own < 0.15


def test_time_without_a_core_is_not_a_pause() -> None:
    """Time spent waiting for a core does not count; time in which another thread held the loop does."""
    queued, held = read("pause 0.3 0.28 0.02 0\nsome\nwhere\npause 0.01 0 0.01 0.06")
    assert (round(queued.own, 6), queued.stack) == (0.02, "")
    assert (round(held.own, 6), held.stack) == (0.07, "some\nwhere")


def test_work_is_told_from_waiting() -> None:
    """Work is what this thread and others computed, whatever the length of the turn."""
    (pause,) = read("pause 0.3 0.1 0.02 0.01")
    assert (round(pause.own, 6), round(pause.worked, 6)) == (0.21, 0.03)


def test_no_watched_process(tmp_path: Path) -> None:
    """Without a file the pauses are unknown, not zero."""
    with pytest.raises(FileNotFoundError):
        pauses(tmp_path)

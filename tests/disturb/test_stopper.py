"""Processes are stopped and continued, and no others than those of the run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.disturb.stopper import Process, Stopper, descendants, processes
from tests.support.eventually import until

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
input()
"""


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """A process and a child of its, by id."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        yield parent.pid, child
        os.kill(child, signal.SIGKILL)
        parent.kill()


def state(pid: int) -> str:
    return next((process.state for process in processes() if process.pid == pid), "")


def test_descendants_are_found_through_their_parents(family: tuple[int, int]) -> None:
    """A child's child is one, this process itself and its parent are not."""
    found = descendants(os.getpid())
    assert set(family) <= found.keys()
    assert not {os.getpid(), os.getppid()} & found.keys()
    assert found[family[1]].parent == family[0]


class Chosen(Stopper):
    """Stops one process alone: in this one, tests run beside each other."""

    only = 0

    def targets(self) -> list[Process]:
        return [process for process in super().targets() if process.pid == self.only]


def test_it_stops_again_and_again_and_leaves_nothing_stopped(family: tuple[int, int], tmp_path: Path) -> None:
    """A process is seen stopped and seen running, more than once, and runs when it is over."""
    stopper = Chosen(0, tmp_path, 1)
    stopper.only = family[1]
    with stopper:
        for _ in range(2):
            until(lambda: state(family[1]) == "T")
            until(lambda: state(family[1]) != "T")
    assert state(family[1]) not in ("T", "")
    assert stopper.stops >= 2


def test_pytest_and_its_workers_are_left_alone(family: tuple[int, int], tmp_path: Path) -> None:
    """Neither the run itself nor its children are stopped, but theirs are; nor is a process that is stopped."""
    parent, child = family
    as_pytest = {process.pid for process in Stopper(parent, tmp_path, 1).targets()}
    assert not {parent, child} & as_pytest
    assert {parent, child} <= {process.pid for process in Stopper(0, tmp_path, 1).targets()}
    os.kill(child, signal.SIGSTOP)
    until(lambda: state(child) == "T")
    assert child not in {process.pid for process in Stopper(0, tmp_path, 1).targets()}


@pytest.mark.parametrize("kind", ["process", "group"])
def test_what_a_test_has_stopped_stays_stopped(family: tuple[int, int], tmp_path: Path, kind: str) -> None:
    """It is not continued while there is a note of it, though it was stopped here too."""
    child = next(process for process in processes() if process.pid == family[1])
    stopper = Chosen(0, tmp_path, 1)
    stopper.only = child.pid
    with stopper:
        until(lambda: state(child.pid) == "T")
        (tmp_path / f"{kind}-{child.pid if kind == 'process' else child.group}").touch()
        os.kill(child.pid, signal.SIGSTOP)
        time.sleep(1)
        assert state(child.pid) == "T"
    assert state(child.pid) == "T"

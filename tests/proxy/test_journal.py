"""Requests under way, in a file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgeward.proxy import journal
from edgeward.proxy.journal import Journal

UPSTREAM = "http://127.0.0.1:1"

WORKER = """
import sys, time
from pathlib import Path
from edgeward.proxy.journal import Journal
mine = Journal(Path(sys.argv[1]), sys.argv[2])
numbers = [mine.begin(b"request %d" % n) for n in range(3)]
mine.end(numbers[1])
print("ready", flush=True)
time.sleep(60)
"""


def worker(directory: Path) -> subprocess.Popen[str]:
    """A process with two requests under way."""
    package = str(Path(journal.__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(directory), UPSTREAM],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": package},
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_what_a_killed_worker_left_is_taken_over_once(tmp_path: Path) -> None:
    """Not while that worker is alive; once it is killed, by the next worker, and by no other after that."""
    other = worker(tmp_path)
    mine = Journal(tmp_path, UPSTREAM)
    assert mine.take_over() == []
    os.kill(other.pid, signal.SIGKILL)
    other.communicate()
    assert [mine[number] for number in mine.take_over()] == [b"request 0", b"request 2"]
    assert mine.take_over() == []
    assert Journal(tmp_path, UPSTREAM).take_over() == []
    assert list(tmp_path.glob("*.requests")).count(mine.path) == 1


def test_workers_with_another_upstream_are_left_alone(tmp_path: Path) -> None:
    """Their requests could not be sent again here."""
    other = Journal(tmp_path, "http://127.0.0.1:2")
    other.begin(b"a")
    other.close()
    assert Journal(tmp_path, UPSTREAM).take_over() == []


def test_what_has_ended_is_forgotten(tmp_path: Path) -> None:
    """A closed journal is deleted, unless a request of it is still under way."""
    mine = Journal(tmp_path, UPSTREAM)
    number = mine.begin(b"a")
    assert (number in mine, mine[number], len(mine)) == (True, b"a", 1)
    mine.end(number)
    mine.end(number)
    assert (number in mine, len(mine)) == (False, 0)
    mine.close()
    assert list(tmp_path.iterdir()) == []


def test_the_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is rewritten with the requests under way, and stays locked by its worker."""
    monkeypatch.setattr(journal, "COMPACT_BYTES", 1000)
    mine = Journal(tmp_path, UPSTREAM)
    mine.begin(b"stays")
    for _ in range(500):
        mine.end(mine.begin(b"x" * 100))
    assert mine.path.stat().st_size < 2000
    assert Journal(tmp_path, UPSTREAM).take_over() == []
    mine.close()
    successor = Journal(tmp_path, UPSTREAM)
    assert [successor[number] for number in successor.take_over()] == [b"stays"]


def test_an_incomplete_record_is_ignored(tmp_path: Path) -> None:
    """All records before it are read."""
    mine = Journal(tmp_path, UPSTREAM)
    mine.begin(b"complete")
    mine.close()
    with mine.path.open("ab") as file:
        file.write(b"\0\0\0")
    successor = Journal(tmp_path, UPSTREAM)
    assert [successor[number] for number in successor.take_over()] == [b"complete"]

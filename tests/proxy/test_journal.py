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
held = Journal(Path(sys.argv[1]), sys.argv[2])
numbers = [held.begin(b"request %d" % n) for n in range(3)]
held.end(numbers[1])
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
    """While it lives its requests are its own; killed, they are the next worker's, and nobody else's then."""
    other = worker(tmp_path)
    mine = Journal(tmp_path, UPSTREAM)
    assert mine.adopt() == []
    os.kill(other.pid, signal.SIGKILL)
    other.communicate()
    assert [mine[number] for number in mine.adopt()] == [b"request 0", b"request 2"]
    assert mine.adopt() == []
    assert Journal(tmp_path, UPSTREAM).adopt() == []
    assert list(tmp_path.glob("*.requests")).count(mine.path) == 1


def test_workers_with_another_upstream_are_left_alone(tmp_path: Path) -> None:
    """Their requests could not be asked again here."""
    other = Journal(tmp_path, "http://127.0.0.1:2")
    other.begin(b"a")
    other.close()
    assert Journal(tmp_path, UPSTREAM).adopt() == []


def test_what_has_ended_is_forgotten(tmp_path: Path) -> None:
    """A closed journal is there as long as something of it is under way."""
    held = Journal(tmp_path, UPSTREAM)
    number = held.begin(b"a")
    assert (number in held, held[number], len(held)) == (True, b"a", 1)
    held.end(number)
    held.end(number)
    assert (number in held, len(held)) == (False, 0)
    held.close()
    assert list(tmp_path.iterdir()) == []


def test_the_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written anew with what is under way, and is still this worker's own."""
    monkeypatch.setattr(journal, "TIDY_BYTES", 1000)
    held = Journal(tmp_path, UPSTREAM)
    held.begin(b"stays")
    for _ in range(500):
        held.end(held.begin(b"x" * 100))
    assert held.path.stat().st_size < 2000
    assert Journal(tmp_path, UPSTREAM).adopt() == []
    held.close()
    successor = Journal(tmp_path, UPSTREAM)
    assert [successor[number] for number in successor.adopt()] == [b"stays"]


def test_half_a_record_is_passed_over(tmp_path: Path) -> None:
    """A file that broke off in the middle gives what is whole."""
    held = Journal(tmp_path, UPSTREAM)
    held.begin(b"whole")
    held.close()
    with held.path.open("ab") as file:
        file.write(b"\0\0\0")
    successor = Journal(tmp_path, UPSTREAM)
    assert [successor[number] for number in successor.adopt()] == [b"whole"]

"""Requests under way, in a file."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def taken_over(directory: Path) -> list[bytes]:
    """What a new worker takes over."""
    successor = Journal(directory, UPSTREAM)
    requests = [successor[number] for number in successor.take_over()]
    for number in list(successor._requests):
        successor.end(number)
    successor.close()
    return requests


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


def test_nothing_of_an_ended_request_stays_in_the_file(tmp_path: Path) -> None:
    """Whichever of several ends first, its bytes go at once, and the others can still be taken over."""
    mine = Journal(tmp_path, UPSTREAM)
    numbers = {name: mine.begin(b"a secret query %b" % name) for name in (b"one", b"two", b"three", b"four")}
    left = list(numbers)
    for name in (b"two", b"four", b"one", b"three"):
        mine.end(numbers[name])
        left.remove(name)
        data = mine.path.read_bytes()
        assert name not in data
        assert [each.split()[-1] for each, _ in journal._unfinished(data)] == left
    assert mine.path.read_bytes().strip(b"\0") == b""
    mine.begin(b"x")
    mine.end(mine.begin(b"y" * 2 * journal.MAX_ZEROS))
    assert mine.path.stat().st_size < 1000
    assert [each for each, _ in journal._unfinished(mine.path.read_bytes())] == [b"x"]


def test_the_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is rewritten with the requests under way, and stays locked by its worker, for its owner's eyes only."""
    monkeypatch.setattr(journal, "COMPACT_BYTES", 1000)
    mine = Journal(tmp_path, UPSTREAM)
    assert stat.S_IMODE(mine.path.stat().st_mode) == 0o600
    first = mine.path.open("rb")  # as long as it is open, no other file gets its number
    mine.begin(b"stays")
    previous = mine.begin(b"x" * 100)
    for _ in range(500):
        number = mine.begin(b"x" * 100)
        mine.end(previous)
        previous = number
    mine.end(previous)
    assert mine.path.stat().st_size < 2000
    assert not os.path.samestat(mine.path.stat(), os.fstat(first.fileno()))
    first.close()
    assert stat.S_IMODE(mine.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert Journal(tmp_path, UPSTREAM).take_over() == []
    mine.close()
    assert taken_over(tmp_path) == [b"stays"]


def test_an_incomplete_record_is_ignored(tmp_path: Path) -> None:
    """All records before it are read."""
    for rest in (b"\0\0\0", journal._RECORD.pack(2, 5) + b"half"):
        mine = Journal(tmp_path, UPSTREAM)
        mine.begin(b"complete")
        mine.close()
        with mine.path.open("ab") as file:
            file.write(rest)
        assert taken_over(tmp_path) == [b"complete"]


def test_a_file_of_an_earlier_version(tmp_path: Path) -> None:
    """There the end of a request is a record of its number and length 0."""
    path = tmp_path / (Journal(tmp_path, UPSTREAM).path.name.split("-")[0] + "-1-old.requests")
    records = [(1, b"ended"), (2, b"left"), (1, b"")]
    path.write_bytes(b"".join(journal._RECORD.pack(number, len(data)) + data for number, data in records))
    assert taken_over(tmp_path) == [b"left"]


@pytest.mark.parametrize("written", [0, 3, 17])
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    """A record that could be written in part is taken back; once there is room, all that is under way is recorded."""
    mine = Journal(tmp_path, UPSTREAM)
    mine.begin(b"before")
    pwrite, room = os.pwrite, written

    def limited(file: int, data: Any, offset: int) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = pwrite(file, bytes(data)[:room], offset)
        room -= taken
        return taken

    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(os, "pwrite", limited)
    lost = mine.begin(b"in the full disk")
    assert lost in mine
    assert [each for each, _ in journal._unfinished(mine.path.read_bytes())] == [b"before"]
    monkeypatch.undo()
    monkeypatch.setattr(mine, "_retry_at", 0.0)
    mine.begin(b"after")
    mine.close()
    assert taken_over(tmp_path) == [b"before", b"in the full disk", b"after"]


def test_what_could_not_be_taken_over_in_full_is_taken_over_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker knows the requests; their file stays for the next one, as this one can't write them."""
    dead, mine = Journal(tmp_path, UPSTREAM), Journal(tmp_path, UPSTREAM)
    dead.begin(b"left")
    dead.close()

    def full(file: int, data: Any, offset: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        assert [mine[number] for number in mine.take_over()] == [b"left"]
    assert mine.take_over() == []
    assert mine.taken_over == [dead.name]
    assert taken_over(tmp_path) == [b"left"]


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take fewer bytes than it was given."""
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: pwrite(file, bytes(data)[:5], offset))
    mine = Journal(tmp_path, UPSTREAM)
    mine.begin(b"longer than five bytes")
    mine.close()
    assert taken_over(tmp_path) == [b"longer than five bytes"]


def test_what_is_full_keeps_the_rest_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has a bound; requests beyond it are known to their worker."""
    monkeypatch.setattr(journal, "MAX_FILE_BYTES", 1000)
    mine = Journal(tmp_path, UPSTREAM)
    numbers = [mine.begin(b"x" * 100) for _ in range(50)]
    assert mine.path.stat().st_size <= 1000
    assert all(number in mine for number in numbers)


def test_a_file_that_its_worker_has_replaced_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that opened the file before, and could lock it after, must not delete the new one."""
    alive = Journal(tmp_path, UPSTREAM)
    alive.begin(b"under way")
    successor, lock = Journal(tmp_path, UPSTREAM), journal._lock

    def replaced_before_it_is_locked(file: int) -> None:
        monkeypatch.undo()
        alive._compact()
        lock(file)

    monkeypatch.setattr(journal, "_lock", replaced_before_it_is_locked)
    assert successor.take_over() == []
    assert alive.path.exists()
    alive.close()
    assert [successor[number] for number in successor.take_over()] == [b"under way"]


def test_drafts_of_killed_workers_are_deleted(tmp_path: Path) -> None:
    """Not those that a worker may just be writing."""
    old, new = tmp_path / "a.draft", tmp_path / "b.draft"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    Journal(tmp_path, UPSTREAM).take_over()
    assert (old.exists(), new.exists()) == (False, True)


def test_records_are_cleaned_when_they_are_taken_over(tmp_path: Path) -> None:
    """What this version would not record does not get into its file; a damaged record is dropped."""
    dead = Journal(tmp_path, UPSTREAM)
    for request in (b"a secret", b"damaged", b"another"):
        dead.begin(request)
    dead.close()

    def clean(request: bytes) -> bytes:
        if request == b"damaged":
            raise ValueError
        return request.removesuffix(b" secret")

    successor = Journal(tmp_path, UPSTREAM)
    assert [successor[number] for number in successor.take_over(clean)] == [b"a", b"another"]
    assert b"secret" not in successor.path.read_bytes()


def test_whether_a_request_was_answered_outlives_its_worker(tmp_path: Path) -> None:
    """Also where the file was written anew. What an earlier version wrote counts as answered."""
    mine = Journal(tmp_path, UPSTREAM)
    silent, answered, answered_later = (mine.begin(name) for name in (b"silent", b"answered", b"later"))
    mine.answer(answered)
    mine._compact()
    mine.answer(answered_later)
    mine.answer(answered_later)
    assert [mine.is_answered(each) for each in (silent, answered, answered_later)] == [False, True, True]
    mine.close()
    earlier = tmp_path / f"{mine._prefix}-1-earlier.requests"
    earlier.write_bytes(journal._RECORD.pack(1, 7) + b"earlier")
    other = Journal(tmp_path, UPSTREAM)
    found = {other[number]: other.is_answered(number) for number in other.take_over()}
    assert found == {b"silent": False, b"answered": True, b"later": True, b"earlier": True}
    other.end(next(number for number in (1, 2, 3, 4) if other[number] == b"silent"))
    assert (b"silent", False) not in list(journal._unfinished(other.path.read_bytes()))
    other.close()


def test_an_ended_request_cannot_be_answered(tmp_path: Path) -> None:
    """Its place in the file may be another's by then."""
    mine = Journal(tmp_path, UPSTREAM)
    first = mine.begin(b"first")
    mine.end(first)
    second = mine.begin(b"second")
    mine.answer(first)
    assert not mine.is_answered(second)
    assert list(journal._unfinished(mine.path.read_bytes())) == [(b"second", False)]
    mine.close()

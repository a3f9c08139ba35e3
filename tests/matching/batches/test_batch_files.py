"""The files of batches: whole or not there."""

import os
import random
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.matching.batches.examples import entries, entry
from tests.support.batches import packed_batch, written_batch

from edgeward.errors import Conflict, DamagedSegment
from edgeward.matching.batches.batch_files import BUILDING_LOCK, MERGING_LOCK, BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.matching.batches.packed_rows import PackedRows, pack
from edgeward.matching.segments.directory_lock import DirectoryLock
from edgeward.types import Batch, Entry

chance = random.Random(8)
ENTRIES = [*entries(300, chance), *entries(200, chance, "md5")]


def contents(files: BatchFiles, batch: Batch) -> set[Entry]:
    """All entries of a batch, whose files must be whole; each is found by its value too."""
    index = BatchIndex("a")
    index.fold([batch.as_of(1)], {}, files)
    found = set(index.entries())
    assert all(index.exact(each.signal) == each for each in list(found)[::50])
    return found


def test_writes_all_data(tmp_path: Path) -> None:
    """A batch is read as it was written: rows, reasons, ids of sources, tags; the share done grows to 1."""
    files = BatchFiles(tmp_path / "new" / "batches")
    some = [*ENTRIES, entry(bytes(range(32)), reason="other", tags=("one", "two"))]
    batch, data = packed_batch(some, why="of all")
    assert not files.has(batch.id)
    with pytest.raises(FileNotFoundError):
        files.open(batch)
    shares = list(files.write(batch, data.items()))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert contents(files, batch) == {Entry(**{**fields(each), "reason": each.reason or "of all"}) for each in some}
    assert list(files.write(batch, iter([]))) == [], "it is there already"


def fields(one: Entry) -> dict[str, object]:
    return {
        name: getattr(one, name)
        for name in ("list", "signal", "reason", "added_by", "added_at", "act", "source_id", "tags")
    }


def test_a_batch_may_have_no_rows(tmp_path: Path) -> None:
    """Such a batch only withdraws rows of others."""
    files = BatchFiles(tmp_path)
    old = written_batch(files, ENTRIES)
    batch = written_batch(files, [], removes=[(old, range(10))], list="a")
    index = BatchIndex("a")
    index.fold([old.as_of(1), batch.as_of(2)], {}, files)
    assert len(index) == len(ENTRIES) - 10


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("wrong", ["missing", "twice", "cut", "other", "too few", "one fewer", "more"])
def test_wrong_data_leave_nothing(wrong: str, part: int, tmp_path: Path) -> None:
    """Data that are not those of the batch are an error that names it, and there are no files then."""
    files = BatchFiles(tmp_path)
    batch, data = packed_batch(ENTRIES, adds=[(Batch("old", "a", "", 0.0), [])])
    name = f"rows:{part}:0"
    items = list(data.items())
    place = next(number for number, (each, _) in enumerate(items) if each == name)
    packed, size = PackedRows(items[place][1], batch.parts[part]), batch.parts[part].size
    fewer = pack([packed.row(number) for number in range(1, len(packed))], size)
    changed = {
        "missing": [*items[:place], *items[place + 1 :]],
        "twice": [*items[:place], items[place], *items[place:]],
        "cut": [*items[:place], (name, items[place][1][:30]), *items[place + 1 :]],
        "other": [*items[:place], (name, items[5 - place][1]), *items[place + 1 :]],
        "too few": [(each, bytes(len(value)) if each == "counts:1" else value) for each, value in items],
        "one fewer": [*items[:place], (name, fewer), *items[place + 1 :]],
        "more": [*items, ("x", b"")],
    }[wrong]
    with pytest.raises(DamagedSegment, match=rf"data of the batch {batch.id}: "):
        list(files.write(batch, changed))
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    """A file that is missing, cut or of another batch is an error that names it; then the batch can be written anew."""
    files = BatchFiles(tmp_path)
    batch, data = packed_batch(ENTRIES)
    other, other_data = packed_batch(entries(300, chance))
    for each, its_data in ((batch, data), (other, other_data)):
        list(files.write(each, its_data.items()))
    segment, database = tmp_path / f"{batch.id}.0.segment", tmp_path / f"{batch.id}.sqlite"
    for path in (segment, database):
        whole = path.read_bytes()
        for damage in (whole[:-5000], (tmp_path / f"{other.id}{path.name[len(batch.id) :]}").read_bytes()):
            path.write_bytes(damage)
            if path == segment and damage != whole[:-5000]:
                continue  # a segment of as many PDQs looks like its own
            with pytest.raises(DamagedSegment, match=str(path)):
                contents(files, batch)
        path.write_bytes(whole)
    database.write_bytes((tmp_path / f"{other.id}.sqlite").read_bytes())
    with pytest.raises(DamagedSegment, match=rf"{database}: it is of another batch"):
        files.open(batch)
    database.write_bytes(whole)
    segment.unlink()
    with pytest.raises(DamagedSegment, match=rf"{segment}: it is missing"):
        files.open(batch)
    files.remove(batch.id)
    assert not files.has(batch.id)
    list(files.write(batch, data.items()))
    assert contents(files, batch) == set(ENTRIES)


def test_giving_up_leaves_nothing(tmp_path: Path) -> None:
    """If the writing is closed at any step, or the data end with an error, there are no files."""
    files = BatchFiles(tmp_path)
    batch, data = packed_batch(ENTRIES)
    steps = len(list(BatchFiles(tmp_path / "other").write(batch, data.items())))

    def breaking(after: int) -> Iterator[tuple[str, bytes]]:
        yield from list(data.items())[:after]
        raise EOFError

    for step in range(1, steps):
        writing = files.write(batch, data.items())
        for _ in range(step):
            next(writing)
        assert not files.has(batch.id)
        writing.close()  # type: ignore[attr-defined]
        assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["lock"]
    for after in range(len(data)):
        with pytest.raises(EOFError):
            list(files.write(batch, breaking(after)))
        assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["lock"]


def test_a_killed_writer_leaves_whole_files_or_none(tmp_path: Path) -> None:
    """kill -9 at any instant: the batch has all its files or none, and the next writer removes what is left."""
    files = BatchFiles(tmp_path)
    batch, data = packed_batch(ENTRIES)
    steps = len(list(BatchFiles(tmp_path / "other").write(batch, data.items())))
    shutil.rmtree(tmp_path / "other")
    for step in range(2 * steps):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            for _ in files.write(batch, data.items()):
                os.write(writing, b".")
            os._exit(0)
        os.close(writing)
        os.read(reading, 1)
        for _ in range(step // 2 - 1):
            os.read(reading, 1)
        os.close(reading)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if files.has(batch.id):
            assert contents(files, batch) == set(ENTRIES)
            files.remove(batch.id)
    list(files.write(batch, data.items()))
    assert {path.suffix for path in tmp_path.iterdir()} == {"", ".sqlite", ".segment"}
    assert len(list(tmp_path.iterdir())) == 4
    assert contents(files, batch) == set(ENTRIES)


def test_others_are_removed_while_they_are_read(tmp_path: Path) -> None:
    """Files of batches that are gone are removed, also what is not whole; who has them open reads on."""
    files = BatchFiles(tmp_path)
    batches = [written_batch(files, entries(50, chance)).as_of(number + 1) for number in range(3)]
    index = BatchIndex("a")
    index.fold(batches, {}, files)
    expected = set(index.entries())
    (tmp_path / "x.0.segment").touch()
    (tmp_path / "x.sqlite.partial").touch()
    assert files.remove_others({batches[1].id}) == 2
    assert [files.has(batch.id) for batch in batches] == [False, True, False]
    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {"lock", batches[1].id}
    assert set(index.entries()) == expected


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    """A writer waits for another; to remove files, or to have some built, is refused meanwhile."""
    files = BatchFiles(tmp_path)
    batch, data = packed_batch(ENTRIES)
    with DirectoryLock(tmp_path):
        for action in (lambda: files.remove(batch.id), lambda: files.remove_others([])):
            with pytest.raises(Conflict):
                action()
        began = threading.Event()

        def write() -> None:
            for _ in files.write(batch, data.items()):
                began.set()

        writing = threading.Thread(target=write)
        writing.start()
        assert began.wait(10)
        assert not files.has(batch.id)
    writing.join()
    assert files.has(batch.id)
    with files.lock():
        with pytest.raises(Conflict):
            files.lock()
        list(files.write(batch, data.items()))


def test_temporary_files_are_removed() -> None:
    """A temporary directory is gone when nobody uses it any more."""
    files = BatchFiles.temporary()
    directory = files.directory
    written_batch(files, ENTRIES)
    assert directory.is_dir()
    del files
    assert not directory.exists()


def test_masks_are_checked(tmp_path: Path) -> None:
    """A damaged mask is found by a check, not when files are opened: there it costs time."""
    files = BatchFiles(tmp_path)
    old = written_batch(files, ENTRIES)
    batch, data = packed_batch(ENTRIES[:3], adds=[(old, range(100, 200))])
    list(files.write(batch, data.items()))
    files.check(batch)
    path = tmp_path / f"{batch.id}.sqlite"
    whole = bytearray(path.read_bytes())
    whole[whole.index(data[f"adds:{old.id}"]) + 2] ^= 1
    path.write_bytes(whole)
    files.open(batch)
    with pytest.raises(DamagedSegment, match=rf"{path}: adds:{old.id} does not match its checksum"):
        files.check(batch)


def test_batches_that_are_there_are_known(tmp_path: Path) -> None:
    """With their parts; one whose file is damaged, or of a later release, is left out."""
    files = BatchFiles(tmp_path)
    batches = [written_batch(files, entries(5, chance)) for _ in range(3)]
    assert files.names() == {batch.id for batch in batches}
    (tmp_path / f"{batches[0].id}.sqlite").write_bytes(b"x")
    assert {batch.id: batch.parts for batch in files.batches()} == {batch.id: batch.parts for batch in batches[1:]}


def test_files_are_built_while_others_are_merged(tmp_path: Path) -> None:
    """Each right is of one process at a time; both need not be of the same."""
    files = BatchFiles(tmp_path)
    with files.lock(MERGING_LOCK), files.lock():
        for name in (MERGING_LOCK, BUILDING_LOCK):
            with pytest.raises(Conflict):
                files.lock(name)

"""Segments of several batches become one; what is found stays the same."""

import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.matching.batches.examples import History, entries
from tests.support.batches import written_batch

from edgeward.errors import Conflict, DamagedSegment
from edgeward.matching.batches import merging as module
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.matching.batches.merged_segments import MANIFEST, read_merged
from edgeward.matching.batches.merging import merge, plan
from edgeward.matching.segments.directory_lock import DirectoryLock
from edgeward.types import Batch, Entry, RowRef

chance = random.Random(4)


def merged_sizes(files: BatchFiles) -> list[tuple[str, int, int]]:
    """Type, number of batches and of rows of each merged segment."""
    return sorted((each.type, len(each.batches), each.rows) for each in read_merged(files.directory))


def found(index: BatchIndex, queries: Sequence[Entry]) -> tuple[object, ...]:
    """All that an index says."""
    values = [each.signal.value for each in queries if each.signal.type == "pdq"]
    near = {each for piece in index.near(("pdq", 256), values, 31) for each in piece}
    return near, [index.exact(each.signal) for each in queries], [index.ref_of(each.signal) for each in queries]


def test_what_is_found_stays_the_same(tmp_path: Path) -> None:
    """Before a merge, after it, with batches that come, are undone, and go; each segment is searched once."""
    files = BatchFiles(tmp_path)
    history, index = History(files), BatchIndex("a")
    queries: list[Entry] = []
    for _ in range(4):
        refs = list(history.rows)
        some = [*entries(20, chance), *entries(5, chance, "md5")]
        history.add(some, adds=chance.sample(refs, len(refs) // 3), removes=chance.sample(refs, len(refs) // 3))
        queries += some[::6]
    history.undo(1)
    history.remove(next(iter(history.rows)))
    index.fold(history.batches, history.removed, files)
    before = found(index, queries)
    assert list(merge(files))[-1] == 1
    assert merged_sizes(files) == [("md5", 4, 20), ("pdq", 4, 80)]
    assert not plan(files).changed
    assert list(merge(files)) == []
    index.use_merged(files)
    assert [len(each) for each in index.state.segments.values()] == [1, 1]
    assert found(index, queries) == before
    # A new batch is searched besides, until it is merged too.
    history.add(entries(3, chance), removes=[RowRef(history.batches[0].id, 0)])
    index.fold(history.batches, history.removed, files)
    anew = BatchIndex("a")
    anew.fold(history.batches, history.removed, BatchFiles(tmp_path))
    before = found(index, queries)
    assert found(anew, queries) == before
    list(merge(files))
    index.use_merged(files)
    assert found(index, queries) == before
    # Batches that are gone are passed over.
    gone = history.batches[2]
    history.batches = [batch for batch in history.batches if batch is not gone and gone.id not in batch.adds]
    files.remove_others({batch.id for batch in history.batches})
    index.fold(history.batches, history.removed, files)
    listed = {history.expected(ref) for ref in history.listed()}
    assert set(index.entries()) == listed
    assert all(index.exact(each.signal) == each for each in listed)


def test_values_are_located_in_merged_segments(tmp_path: Path) -> None:
    """If a value has two rows in one segment, the listed one is found, and both are known."""
    files, history = BatchFiles(tmp_path), History(BatchFiles(tmp_path))
    some = entries(30, chance)
    first = history.add(some)
    second = history.add(some[::-1], removes=[RowRef(first.id, row) for row in range(0, 30, 2)])
    history.remove(RowRef(second.id, 3))
    history.remove(RowRef(first.id, 3))
    for row in range(1, 30, 2):
        history.remove(RowRef(second.id, row))
    list(merge(files))
    index = BatchIndex("a")
    index.fold(history.batches, history.removed, files)
    assert len(index.state.segments["pdq", 32]) == 1
    opened = files.open(first).searches[0]
    assert opened
    for values in (opened.segment.values, opened.segment.values[:5]):
        located = index.locate("pdq", 32, values)
        listed = history.listed()
        for number in range(len(values)):
            ref = RowRef(located.batches[int(located.batch[number])], int(located.row[number]))
            assert (ref in listed) == bool(located.on[number]) == (number != 3)
        assert len(index.state.copies("pdq", 32, values).row) == 2 * len(values)


def test_sizes_grow_geometrically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment is merged with newer ones only if it has at most so many times as many rows."""
    monkeypatch.setattr(module, "MERGED_FACTOR", 3)
    files = BatchFiles(tmp_path)
    sizes = []
    for number in range(9):
        written_batch(files, entries(10, chance))
        list(merge(files))
        sizes.append(sorted(rows for _, _, rows in merged_sizes(files)) + [10] * (number == 0))
    assert sizes[:4] == [[10], [20], [30], [40]]
    assert sizes[4:8] == [[40], [60], [60], [80]]
    monkeypatch.setattr(module, "MAX_ROWS", 85)
    written_batch(files, entries(10, chance))
    list(merge(files))
    assert max(rows for _, _, rows in merged_sizes(files)) <= 85


def test_lists_and_types_are_not_mixed(tmp_path: Path) -> None:
    """Each list has segments of its own, and each type."""
    files = BatchFiles(tmp_path)
    for _ in range(2):
        written_batch(files, [*entries(4, chance), *entries(3, chance, "md5")])
        written_batch(files, [Entry("b", each.signal) for each in entries(5, chance)])
    list(merge(files))
    assert merged_sizes(files) == [("md5", 2, 6), ("pdq", 2, 8), ("pdq", 2, 10)]
    written_batch(files, [Entry("b", each.signal) for each in entries(5, chance)])
    list(merge(files))
    assert merged_sizes(files) == [("md5", 2, 6), ("pdq", 2, 8), ("pdq", 3, 15)], "the others stay"


def test_batches_that_are_gone_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment with too many rows of such batches is written anew, one with none but those removed."""
    files = BatchFiles(tmp_path)
    batches = [written_batch(files, entries(10, chance)) for _ in range(4)]
    list(merge(files))
    files.remove_others({batch.id for batch in batches[1:]})
    assert not plan(files).changed, "a quarter of the rows is not too many"
    files.remove_others({batch.id for batch in batches[2:]})
    list(merge(files))
    assert merged_sizes(files) == [("pdq", 2, 20)]
    monkeypatch.setattr(module, "MERGED_FACTOR", 1)
    small = written_batch(files, entries(5, chance))
    files.remove_others({batches[3].id, small.id})
    list(merge(files))
    assert merged_sizes(files) == [("pdq", 2, 15)], "it is wasteful, though much larger than what is new"
    files.remove_others([])
    list(merge(files))
    assert merged_sizes(files) == []
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "merged.lock", MANIFEST}


def test_giving_up_leaves_the_old_segments(tmp_path: Path) -> None:
    """If a merge is closed at any step, or its process killed, the old segments are named and whole."""
    files = BatchFiles(tmp_path)
    batches = [written_batch(files, entries(40, chance)).as_of(number + 1) for number in range(2)]
    list(merge(files))
    batches.append(written_batch(files, entries(40, chance)).as_of(3))
    batches.append(written_batch(files, entries(3, chance, "md5")).as_of(4))
    before = merged_sizes(files)
    for step in (1, 2, 3):
        merging = merge(files)
        for _ in range(step):
            next(merging)
        merging.close()  # type: ignore[attr-defined]
        check(files, batches)
        assert merged_sizes(files) == before
    for step in range(8):
        _kill_at(step // 2 + 1, files)
        check(files, batches)
    list(merge(files))
    assert merged_sizes(files) == [("pdq", 3, 120)]
    check(files, batches)
    assert len([path for path in tmp_path.iterdir() if ".merged" in path.name]) == 1


def _kill_at(step: int, files: BatchFiles) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        for _ in merge(files):
            os.write(writing, b".")
        os._exit(0)
    os.close(writing)
    for _ in range(step):
        os.read(reading, 1)
    os.close(reading)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def check(files: BatchFiles, batches: Sequence[Batch]) -> None:
    """All rows are found, in merged segments and others."""
    index = BatchIndex("a")
    index.fold(batches, {}, BatchFiles(files.directory))
    assert sum(len(each.search) for some in index.state.segments.values() for each in some) == len(index)
    for each in index.entries():
        assert index.exact(each.signal) == each


def test_damaged_segments_are_made_anew(tmp_path: Path) -> None:
    """Until then the segments of the batches are searched. A damaged one of those is never copied."""
    files = BatchFiles(tmp_path)
    batches = [written_batch(files, entries(40, chance)).as_of(number + 1) for number in range(2)]
    list(merge(files))
    merged = tmp_path / read_merged(tmp_path)[0].file
    merged.write_bytes(merged.read_bytes()[:-1])
    check(files, batches)
    assert BatchFiles(tmp_path).merged() == ()
    list(merge(files))
    assert len(BatchFiles(tmp_path).merged()) == 1
    check(files, batches)
    batches.append(written_batch(files, entries(40, chance)))
    path = tmp_path / f"{batches[2].id}.0.segment"
    whole = bytearray(path.read_bytes())
    whole[4100] ^= 1
    path.write_bytes(whole)
    with pytest.raises(DamagedSegment, match=rf"{path}: values does not match its checksum"):
        list(merge(files))
    assert merged_sizes(files) == [("pdq", 2, 80)]


def test_one_process_merges_at_a_time(tmp_path: Path) -> None:
    """While it does, others may write batches: it takes those up the next time."""
    files = BatchFiles(tmp_path)
    for _ in range(2):
        written_batch(files, entries(4, chance))
    merging = merge(files)
    next(merging)
    with pytest.raises(Conflict):
        list(merge(files))
    batch = written_batch(files, entries(4, chance))
    files.remove(batch.id)
    list(merging)
    assert merged_sizes(files) == [("pdq", 2, 8)]
    with DirectoryLock(tmp_path, module.LOCK), pytest.raises(Conflict):
        list(merge(files))

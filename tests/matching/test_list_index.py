"""The entries of one list."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from tests.matching.batches.examples import entries
from tests.support.batches import written_batch

from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.list_index import ListIndex, index_key
from edgeward.types import Batch, Entry, RowRef, Signal

PDQ = Signal("pdq", "0f" * 32, 90)
MD5 = Signal("md5", "ab" * 16)


def near(index: ListIndex, signal: Signal, radius: int) -> list[tuple[int, Entry, int]]:
    return [each for piece in index.near(index_key(signal), [signal.value], radius) for each in piece]


def test_holds_entries_by_id() -> None:
    """An entry is stored once until it is removed; adding it again replaces its reason."""
    index, first, again = ListIndex("a"), Entry("a", PDQ, "first"), Entry("a", PDQ, "again")
    assert [index.add(each) for each in (first, again)] == [True, False]
    assert index.entries == {first.id: again}
    assert [index.remove(first.id), index.remove(first.id)] == [(again, True), (None, False)]
    assert not index.entries and not index.index_keys


def test_digests_match_exactly() -> None:
    """A digest is found by its type and value; the frame makes no difference."""
    index, entry = ListIndex("a"), Entry("a", MD5)
    index.add(entry)
    assert index.exact(Signal("md5", MD5.value, frame=3)) == entry
    assert index.exact(Signal("md5", "ac" * 16)) is index.exact(Signal("sha1", MD5.value)) is None
    assert not index.index_keys


def test_near_entries_are_found_with_their_distance() -> None:
    """Each type and length is searched by itself."""
    index, entry = ListIndex("a"), Entry("a", PDQ)
    index.add(entry)
    index.add(Entry("a", Signal("phash", "0f" * 8)))
    assert index.index_keys == [("pdq", 256), ("phash", 64)]
    assert near(index, Signal("pdq", "0e" + PDQ.value[2:]), 1) == [(0, entry, 1)]
    assert near(index, Signal("pdq", "00" + PDQ.value[2:]), 1) == []


def test_malformed_entries_are_refused() -> None:
    """A value that is not hexadecimal raises, and no entry is added."""
    index = ListIndex("a")
    with pytest.raises(ValueError, match=r"hexadecimal|fromhex"):
        index.add(Entry("a", Signal("pdq", "x" * 64)))
    assert not index.entries


def rows_and_single(tmp_path: Path) -> tuple[ListIndex, BatchFiles, list[Entry], Batch]:
    """A list with 40 rows of a batch, of which 3 are single entries too; and 2 others."""
    chance, files, index = random.Random(1), BatchFiles(tmp_path), ListIndex("a")
    rows = [*entries(30, chance), *entries(10, chance, "md5")]
    for each in (*rows[:2], rows[30], *entries(2, chance)):
        index.add(replace(each, reason="single"))
    batch = written_batch(files, rows).as_of(1)
    index.set_batches([batch], {}, files)
    return index, files, rows, batch


def ref_of(index: ListIndex, entry: Entry) -> RowRef:
    ref = index.batches.ref_of(entry.signal)
    assert ref
    return ref


@pytest.mark.parametrize("step", range(1, 7))
def test_an_entry_of_both_kinds_counts_once(step: int, tmp_path: Path) -> None:
    """Whether it is added, removed or taken off a batch first, before a fold or during one."""
    index, files, rows, batch = rows_and_single(tmp_path)
    assert index.counts() == {"pdq": 32, "md5": 10}
    assert index.add(rows[5]) is False, "it is listed already"
    assert (len(index.entries), index.counts()["pdq"]) == (42, 32)
    assert index.remove(rows[5].id) == (rows[5], False), "it is still listed"
    assert index.remove(rows[5].id) == (None, False)
    assert (len(index.entries), index.counts()["pdq"]) == (42, 32)
    removed = [ref_of(index, rows[number]) for number in (0, 10)]
    index.remove_rows([*removed, RowRef("x", 3)])
    assert (len(index.entries), index.counts()["pdq"]) == (41, 31)
    assert index.remove(rows[0].id)[1], "it was in no batch any more"
    assert (len(index.entries), index.counts()["pdq"]) == (40, 30)
    # The same between the steps of a fold.
    steps = index.set_batches_steps([batch], dict.fromkeys(removed, 2), files)
    for _ in range(step):
        next(steps)
    assert index.remove(rows[1].id)[0]
    assert [index.add(rows[number]) for number in (20, 21, 22)] == [False] * 3
    index.remove_rows([ref_of(index, rows[number]) for number in (20, 30)])
    for _ in steps:
        pass
    assert len(index.entries) == len(dict(index.entries)) == 40
    assert index.counts() == {"pdq": 30, "md5": 10}
    index.set_batches([], {}, files)
    assert index.counts() == {"pdq": 5, "md5": 1}
    assert len(index.entries) == 6


def test_single_entries_win(tmp_path: Path) -> None:
    """What a search, a lookup or an id finds is the single entry, once; rows are found besides."""
    index, _, rows, _ = rows_and_single(tmp_path)
    both, row, digest = rows[0], rows[5], rows[30]
    assert near(index, both.signal, 0) == [(0, replace(both, reason="single"), 0)]
    assert near(index, row.signal, 0) == [(0, row, 0)]
    assert index.exact(digest.signal) == replace(digest, reason="single")
    assert index.exact(rows[31].signal) == rows[31]
    assert index.find(both.id) == replace(both, reason="single")
    assert index.find(row.id) == row
    assert len(index.single_entries) == 5
    assert index.index_keys == [("pdq", 256)]
    for each in list(index.single_entries):
        index.remove(each)
    assert index.index_keys == [("pdq", 256)]
    assert near(index, both.signal, 0) == [(0, both, 0)]


def test_an_error_changes_nothing(tmp_path: Path) -> None:
    """If batches can't be opened, all stays, and entries that come and go afterwards are counted."""
    index, files, rows, batch = rows_and_single(tmp_path)
    with pytest.raises(FileNotFoundError):
        index.set_batches([batch, replace(batch, id="missing", version=2)], {}, files)
    index.remove(rows[0].id)
    assert (len(index.entries), index.counts()) == (42, {"pdq": 32, "md5": 10})

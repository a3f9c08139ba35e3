"""Who listed the entries of rows."""

import random
from pathlib import Path

import pytest
from tests.matching.batches.examples import History, entries

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.types import Entry, RowRef, Signal


def test_an_undone_batch_says_nothing(tmp_path: Path) -> None:
    """A row's entry is what its batch says; if that is undone, what the first batch says that adds the row."""
    history = History(BatchFiles(tmp_path))
    own = history.add(entries(20, random.Random(1)))
    shared = [RowRef(own.id, row) for row in range(20)]
    undone = history.add([], adds=shared)
    other = history.add([], adds=shared[5:])
    last = history.add([], adds=shared)
    index = BatchIndex("a")
    index.fold(history.batches, {}, history.files)
    row, before = index.row(shared[9])
    assert before == history.rows[shared[9]]
    assert (before.source_id, before.reason) == (row.source_id, own.why)
    history.undo(0)
    history.undo(1)
    index.fold(history.batches, {}, history.files)
    assert undone.id not in {batch.id for batch in history.batches if not batch.undone}
    for ref, batch in ((shared[9], other), (shared[2], last)):
        signal = history.rows[ref].signal
        assert index.row(ref)[1] == Entry("a", signal, batch.why, batch.by, batch.at, batch.act)
        assert index.exact(signal) == index.row(ref)[1]


def test_unknown_rows(tmp_path: Path) -> None:
    """A row of an unknown batch, or one that a batch does not have, is an error."""
    history, index = History(BatchFiles(tmp_path)), BatchIndex("a")
    batch = history.add(entries(2, random.Random(1)))
    index.fold(history.batches, {}, history.files)
    with pytest.raises(KeyError):
        index.row(RowRef("x", 0))
    with pytest.raises(IndexError):
        index.row(RowRef(batch.id, 2))


def test_a_damaged_row_matches_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is listed is found though its row can't be read, with what its batch says; that is logged once."""
    history, index = History(BatchFiles(tmp_path)), BatchIndex("a")
    some = [*entries(20, random.Random(1)), *entries(20, random.Random(1), "md5")]
    batch = history.add(some)
    database = tmp_path / f"{batch.id}.sqlite"
    whole = bytearray(database.read_bytes())
    for each in (some[0], some[20]):
        whole[whole.index(bytes.fromhex(each.signal.value))] ^= 1
    database.write_bytes(whole)
    index.fold(history.batches, {}, BatchFiles(tmp_path))
    for each in (some[3], some[25]):
        signal = Signal(each.signal.type, each.signal.value)
        assert index.exact(each.signal) == Entry("a", signal, batch.why, batch.by, batch.at, batch.act)
        ref = index.ref_of(each.signal)
        assert ref
        with pytest.raises(DamagedSegment, match=str(database)):
            index.row(ref)
    near = [each for piece in index.near(("pdq", 256), [some[3].signal.value], 5) for each in piece]
    assert [(number, entry.signal.value, apart) for number, entry, apart in near] == [(0, some[3].signal.value, 0)]
    assert caplog.text.count("does not match its checksum") == 1

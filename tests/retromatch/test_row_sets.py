"""Which rows a batch, or the undo of one, has switched on."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.batches import packed_batch

from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.retromatch.row_sets import RowSet, added_rows, all_rows, restored_rows
from edgeward.types import Batch, Entry, RowRef, Signal
from edgeward.types.batches import adds_field, removes_field

type Refs = set[RowRef]


@dataclass
class History:
    """The batches of a list, on this machine."""

    files: BatchFiles
    batches: list[Batch] = field(default_factory=list)
    removed: dict[RowRef, int] = field(default_factory=dict)
    data: dict[str, dict[str, bytes]] = field(default_factory=dict)
    version: int = 0
    values: int = 0

    def add(self, rows: int, adds: Iterable[RowRef] = (), removes: Iterable[RowRef] = ()) -> Batch:
        self.version += 1
        entries = [Entry("bad", Signal("md5", f"{self.values + number:032x}")) for number in range(rows)]
        self.values += rows
        batch, data = packed_batch(
            entries,
            id=f"{self.version:016x}",
            list="bad",
            adds=self._masks(adds),
            removes=self._masks(removes),
            version=self.version,
        )
        list(self.files.write(batch, data.items()))
        self.data[batch.id] = data
        self.batches.append(batch)
        return batch

    def _masks(self, refs: Iterable[RowRef]) -> list[tuple[Batch, list[int]]]:
        refs = list(refs)
        of_batches = [(each, [ref.row for ref in refs if ref.batch == each.id]) for each in self.batches]
        return [(batch, rows) for batch, rows in of_batches if rows]

    def undo(self, batch: Batch) -> None:
        self.version += 1
        self.batches = [replace(each, undone=each.undone or each.id == batch.id) for each in self.batches]

    def remove(self, ref: RowRef) -> None:
        self.version += 1
        self.removed[ref] = self.version

    def index(self) -> BatchIndex:
        index = BatchIndex("bad")
        index.fold(self.batches, self.removed, self.files)
        return index

    def added(self, batch: Batch) -> Refs:
        adds = {other: self.data[batch.id][adds_field(other)] for other in batch.adds}
        return refs_of(added_rows(batch, adds, self.index()))

    def restored(self, batch: Batch) -> Refs:
        removes = {other: self.data[batch.id][removes_field(other)] for other in batch.removes}
        return refs_of(restored_rows(removes, self.index()))


def refs_of(sets: Sequence[RowSet]) -> Refs:
    found = set()
    for each in sets:
        rows = np.flatnonzero(np.unpackbits(each.bits)).tolist()
        assert all(each.has(row) for row in rows)
        found |= {RowRef(each.batch.id, row) for row in rows}
    return found


def rows_of(batch: Batch, *numbers: int) -> Refs:
    return {RowRef(batch.id, number) for number in numbers or range(batch.rows)}


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(BatchFiles(tmp_path))


def test_own_rows_and_those_that_were_off(history: History) -> None:
    """Rows that were on before are left out, and so are those that are off by now."""
    first = history.add(10)
    history.remove(RowRef(first.id, 3))
    history.add(0, removes=rows_of(first, 4, 5))
    again = history.add(9, adds=rows_of(first, 0, 3, 4, 6))
    assert history.added(again) == rows_of(again) | rows_of(first, 3, 4)
    assert history.added(first) == rows_of(first) - rows_of(first, 5)
    history.remove(RowRef(again.id, 0))
    history.remove(RowRef(first.id, 3))
    assert history.added(again) == rows_of(again) - rows_of(again, 0) | rows_of(first, 4)


def test_the_undo_of_a_withdrawal(history: History) -> None:
    """It puts rows back; those that others have removed stay off."""
    first = history.add(10)
    withdrawal = history.add(0, removes=rows_of(first, 1, 2, 3))
    history.remove(RowRef(first.id, 2))
    assert history.restored(withdrawal) == set()
    history.undo(withdrawal)
    assert history.restored(withdrawal) == rows_of(first, 1, 3)
    history.undo(first)
    assert history.restored(withdrawal) == set()


def test_a_batch_that_is_undone_already(history: History) -> None:
    """What it listed and another lists too is listed since then, and nobody else may have matched it."""
    first = history.add(10)
    history.add(1, adds=rows_of(first, 7))
    history.undo(first)
    assert history.added(first) == rows_of(first, 7)


def test_a_lost_mask(history: History) -> None:
    """If it is not known which rows an undo has put back, all that are listed count."""
    first = history.add(10)
    history.remove(RowRef(first.id, 2))
    assert refs_of(restored_rows({first.id: None, "gone": None}, history.index())) == rows_of(first) - rows_of(first, 2)


def test_all_rows(history: History) -> None:
    """All that are listed, by the version of their batch; batches that have none are left out."""
    first, second, third = (history.add(rows) for rows in (9, 0, 3))
    history.remove(RowRef(first.id, 8))
    sets = all_rows(history.index())
    assert [each.batch.id for each in sets] == [first.id, third.id]
    assert refs_of(sets) == rows_of(first) - rows_of(first, 8) | rows_of(third)
    assert second.rows == 0


@pytest.mark.parametrize("seed", range(6))
def test_each_listed_row_was_switched_on_by_some_change(history: History, seed: int) -> None:
    """Whenever each change is matched: every row that is on at the end is among those of a change that is not older
    than the one that switched it on last."""
    chance = random.Random(seed)
    pending: list[tuple[int, str, Batch]] = []
    since: dict[RowRef, int] = {}
    covered: dict[RowRef, int] = {}

    def match(share: float) -> None:
        for version, what, batch in list(pending):
            if chance.random() < share:
                pending.remove((version, what, batch))
                for ref in history.added(batch) if what == "add" else history.restored(batch):
                    covered[ref] = max(covered.get(ref, 0), version)

    for _ in range(14):
        known = [ref for batch in history.batches for ref in sorted(rows_of(batch))]
        kind, open_ = chance.random(), [batch for batch in history.batches if not batch.undone]
        if kind < 0.2 and known:
            history.remove(chance.choice(known))
        elif kind < 0.45 and open_:
            batch = chance.choice(open_)
            history.undo(batch)
            pending.append((history.version, "undo", batch))
        else:
            some = chance.sample(known, len(known) // 2)
            split = chance.randrange(len(some) + 1)
            batch = history.add(chance.choice((0, 1, 5)), some[:split], some[split:])
            pending.append((history.version, "add", batch))
        on = refs_of(all_rows(history.index()))
        since = {ref: since.get(ref, history.version) for ref in on}
        match(0.3)
    match(1.1)
    assert covered
    assert {ref for ref in since if covered.get(ref, 0) < since[ref]} == set()

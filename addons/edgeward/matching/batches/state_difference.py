"""What differs between two states of the batches of one list: what an undo does, or what came between two versions."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex, BatchState
from edgeward.matching.batches.listed_rows import ListedRows
from edgeward.matching.batches.row_sets import (
    bucket_by_bucket,
    entries_of,
    listed_places,
    no_rows,
    places_of,
    size_of,
    switch_off,
    switch_on,
)
from edgeward.matching.time_slicing import run_to_end
from edgeward.types import Batch, Entry, RowRef


class StateDifference:
    """The difference between two states of the same batches, of which other ones are undone.

    Attributes:
        removed: rows that are on before only, and whose values are in no row after.
        added: rows that are on after only, and whose values were in no row before.
        moved: rows that are on after only, whose values were in other rows before.
    """

    def __init__(self, before: BatchState, after: BatchState) -> None:
        """Takes some microseconds for each row that is on after only. Raises DamagedSegment."""
        self.before, self.after = before, after
        self.removed, self.added, self.moved = no_rows(before), no_rows(after), no_rows(after)
        self.removed.bits[:] = before.listed.bits & ~after.listed.bits
        self.added.bits[:] = after.listed.bits & ~before.listed.bits
        for some in bucket_by_bucket(after, self.added):
            numbers, places = listed_places(before, some.part.type, some.values)
            here = some.rows[numbers] + self.added.bases[some.opened.id]
            switch_on(self.moved, here)
            switch_off(self.added, here)
            switch_off(self.removed, places)


class Fate(NamedTuple):
    """What becomes of an entry: "removed", "kept" or "restored". `act` lists it afterwards; "": none, or not known."""

    what: str
    entry: Entry
    act: str = ""


class UndoEffect(NamedTuple):
    """What the undo of a batch does to the entries of its list.

    Attributes:
        removed, kept, restored: how many are listed no more, stay on the list though the batch lists them, and are put
            back.
        fates: the first of each.
    """

    removed: int
    kept: int
    restored: int
    fates: Sequence[Fate]


def state_of(list_name: str, batches: Sequence[Batch], removed: Mapping[RowRef, int], files: BatchFiles) -> BatchState:
    """The state that these batches make, with the single removals. Errors as in `BatchIndex.fold`."""
    return run_to_end(BatchIndex(list_name).prepare(batches, removed, files))


def effect_of_undo(
    before: BatchState, after: BatchState, batch: Batch, singles: Sequence[Entry], limit: int
) -> UndoEffect:
    """What the undo of a batch does.

    Args:
        before, after: the states without and with its undo.
        singles: the single entries of the list: they stay.
        limit: how many entries of each kind are reported.

    Raises:
        DamagedSegment: a file is damaged.
    """
    difference = StateDifference(before, after)
    gone, singly = difference.removed, no_rows(before)
    switch_on(singly, places_of(before, singles))
    singly.bits &= gone.bits
    gone.bits &= ~singly.bits
    switch_off(difference.added, places_of(after, singles))
    stay = _that_stay(before, after, batch)
    stay.bits |= difference.moved.bits
    by_id = {entry.id: entry for entry in singles} if singly.bits.any() else {}
    kept_single = (by_id[each.id] for each in entries_of(before, singly) if each.id in by_id)
    fates = [Fate("removed", entry) for entry in islice(entries_of(before, gone), limit)]
    kept = [*islice(kept_single, limit), *islice(entries_of(after, stay), limit)]
    fates += [Fate("kept", entry, entry.act) for entry in kept[:limit]]
    fates += [Fate("restored", entry, entry.act) for entry in islice(entries_of(after, difference.added), limit)]
    return UndoEffect(size_of(gone), size_of(stay) + size_of(singly), size_of(difference.added), fates)


def _that_stay(before: BatchState, after: BatchState, batch: Batch) -> ListedRows:
    """The rows that a batch lists, and that are on before and after."""
    stay = no_rows(after)
    stay.of(batch.id)[:] = np.uint8(0xFF)
    opened = before.opened[batch.id]
    for other in batch.adds:
        if other in stay.bases:
            stay.of(other)[:] |= opened.adds(other, before.opened[other].rows)
    stay.bits &= before.listed.bits & after.listed.bits
    return stay

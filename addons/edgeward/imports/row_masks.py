"""Rows of batches that an import lists again, or takes off, by their places: as bits, in place of hashes.

A rollback has them. Millions of rows take as many bits, and nothing is read, compared or stored for each of them.
"""

import base64
import json
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from edgeward.matching.batches.listed_rows import Bits, ListedRows
from edgeward.matching.batches.row_sets import (
    bucket_by_bucket,
    listed_places,
    no_rows,
    signals_of,
    size_of,
    switch_on,
    with_copies,
)
from edgeward.matching.batches.state_difference import StateDifference
from edgeward.types import Signal


@dataclass(frozen=True, slots=True)
class RowMasks:
    """The rows of one import.

    Attributes:
        adds, removes: by the id of a batch, a bit for each of its rows. What is removed has all rows with the values of
            the others, listed or not, so that each value is listed once whatever is undone later.
        added, taken_off: how many entries that lists, and takes off the list.
        difference: what they were made from.
    """

    adds: Mapping[str, Bits] = field(default_factory=dict)
    removes: Mapping[str, Bits] = field(default_factory=dict)
    added: int = 0
    taken_off: int = 0
    difference: StateDifference | None = None

    def signals(self) -> Iterator[Sequence[Signal]]:
        """The signals of the rows that are listed again or said otherwise, about a thousand at a time. Raises
        DamagedSegment."""
        if self.difference is None:
            return
        rows = no_rows(self.difference.before)
        for batch_id, bits in self.adds.items():
            rows.of(batch_id)[:] = bits
        yield from signals_of(self.difference.before, rows)

    def __len__(self) -> int:
        """How many masks there are."""
        return len(self.adds) + len(self.removes)

    def staged(self) -> Iterator[str]:
        """The masks as text."""
        for adds, masks in ((True, self.adds), (False, self.removes)):
            for batch_id, bits in masks.items():
                packed = base64.b64encode(zlib.compress(bits.tobytes())).decode()
                yield json.dumps([batch_id, adds, packed], separators=(",", ":"))


class StagedMask(NamedTuple):
    """A mask that was staged: whether it adds rows of this batch, or removes them; its bits are compressed."""

    batch: str
    adds: bool
    bits: bytes


NO_MASKS = RowMasks()


def read_mask(text: str | bytes) -> StagedMask:
    """A mask of `RowMasks.staged`. Raises ValueError."""
    batch_id, adds, bits = json.loads(text)
    return StagedMask(batch_id, adds, base64.b64decode(bits))


def masks_back(difference: StateDifference, acting: Collection[str]) -> tuple[RowMasks, ListedRows]:
    """The masks that make a list again what it was before a difference.

    Args:
        acting: ids of the batches whose rows can be listed.

    Returns:
        The masks, and the rows of other batches, which must be listed anew.

    Raises:
        DamagedSegment: a file is damaged.
    """
    again, anew, off = no_rows(difference.before), no_rows(difference.before), no_rows(difference.after)
    back, added = _rows_back(difference), 0
    for batch_id in again.bases:
        (again if batch_id in acting else anew).of(batch_id)[:] = back.of(batch_id)
        if batch_id in acting:
            added += difference.removed.count(batch_id, 0, 8 * len(back.of(batch_id)))
    off.bits[:] = difference.added.bits | difference.moved.bits | again.bits
    copies = with_copies(difference.after, off)
    masks = RowMasks(
        {each: again.of(each) for each in again.bases if each in acting and again.of(each).any()},
        {each: copies.of(each) for each in copies.bases if each in acting and copies.of(each).any()},
        added,
        size_of(difference.added),
        difference,
    )
    return masks, anew


def _rows_back(difference: StateDifference) -> ListedRows:
    """The rows that are to be on again: of values that are listed no more, and of those that other rows list now, as
    the source said something else of them."""
    back = no_rows(difference.before)
    back.bits[:] = difference.removed.bits
    for some in bucket_by_bucket(difference.after, difference.moved):
        switch_on(back, listed_places(difference.before, some.part.type, some.values)[1])
    return back

"""Which segments are searched for the values of batches: merged ones where there are, else those of batches."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from edgeward.matching.batches.listed_rows import ListedRows
from edgeward.matching.batches.merged_segments import OpenMerged
from edgeward.matching.batches.value_search import ValueSearch
from edgeward.matching.segments.segment_rows import Numbers, Refs

type ValueKind = tuple[str, int]
"""Signal type, and bytes of a value."""

_ROW_BITS = np.uint64(32)
_ROW_MASK = np.uint64((1 << 32) - 1)


class SearchedSegment(NamedTuple):
    """A segment, and the ids of the batches whose rows it has, each at the position that references have of it."""

    search: ValueSearch
    batches: Sequence[str]

    def places(self, listed: ListedRows, refs: Refs) -> tuple[Numbers, Numbers, Numbers]:
        """Position in `batches`, row, and place among all bits (-1: the batch is gone) of each reference."""
        owners, rows = (refs >> _ROW_BITS).astype(np.int64), (refs & _ROW_MASK).astype(np.int64)
        bases = np.array([listed.bases.get(batch_id, -1) for batch_id in self.batches], np.int64)[owners]
        return owners, rows, np.where(bases < 0, -1, bases + rows)

    def listed(self, listed: ListedRows, refs: Refs) -> tuple[list[int], list[int], Numbers]:
        """Those of the references whose rows are listed: positions in `batches`, rows, and positions in `refs`."""
        if not len(refs):
            return [], [], np.zeros(0, np.int64)
        owners, rows, places = self.places(listed, refs)
        there = np.flatnonzero(places >= 0)
        there = there[listed.at(places[there])]
        return owners[there].tolist(), rows[there].tolist(), there


def choose_segments(
    needed: Mapping[ValueKind, Mapping[str, ValueSearch]], merged: Iterable[OpenMerged]
) -> Mapping[ValueKind, Sequence[SearchedSegment]]:
    """The segments that hold the values of the batches in `needed`: each row is in exactly one.

    `needed` has the segment of each batch by its id. A merged segment may have rows of other batches too.
    """
    left = {kind: dict(searches) for kind, searches in needed.items()}
    chosen: dict[ValueKind, list[SearchedSegment]] = {kind: [] for kind in needed}
    for segment, search in sorted(merged, key=lambda each: -each.merged.rows):
        kind = segment.type, segment.size
        own = left.get(kind, {}).keys() & set(segment.batches)
        if len(own) > 1:
            # A batch whose rows are searched elsewhere is as one that is gone.
            batches = [batch_id if batch_id in own else "" for batch_id in segment.batches]
            chosen[kind].append(SearchedSegment(search, batches))
            left[kind] = {batch_id: each for batch_id, each in left[kind].items() if batch_id not in own}
    for kind, searches in left.items():
        chosen[kind] += [SearchedSegment(search, (batch_id,)) for batch_id, search in searches.items()]
    return chosen

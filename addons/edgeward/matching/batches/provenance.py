"""The entries of rows: who listed them, when and why, by the batches that say so."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.folding import Folded
from edgeward.matching.batches.listed_rows import Bits, has_bit
from edgeward.matching.batches.open_batch import OpenBatch, RecentlyUsed, RowPlace, id_of
from edgeward.matching.batches.packed_rows import Row
from edgeward.types import Batch, Entry, RowRef, Signal

logger = logging.getLogger(__name__)

_RECENT_MASKS = 4


class Provenance:
    """The entries of the rows of a list's batches.

    An entry is what the batch that holds its row says, or, if that is undone, what the first batch says that adds it.
    """

    def __init__(self, folded: Folded, opened: Mapping[str, OpenBatch]) -> None:
        self._folded, self._opened = folded, opened
        self._batches = {batch.id: batch for batch in folded.batches}
        self._damaged = set[str]()
        self._masks = RecentlyUsed[Bits](_RECENT_MASKS)

    def entry(self, batch_id: str, row: int) -> Entry:
        """The entry of a row.

        Raises:
            KeyError: there is no such batch.
            IndexError: it has no such row.
            DamagedSegment: a file is damaged.
        """
        return self.entry_in(batch_id, row, self._opened[batch_id].place_of(row))

    def matched(self, ref: RowRef) -> Entry:
        """The entry of a row that something matches. If the row is damaged, it is what its batch says of all its rows:
        what is listed must match in any case. Errors as in `entry`, but for DamagedSegment.
        """
        try:
            return self.entry(ref.batch, ref.row)
        except DamagedSegment as error:
            if ref.batch not in self._damaged:
                self._damaged.add(ref.batch)
                logger.error("%s: entries of its batch that match lack what their source says", error)
        batch = self._batches[ref.batch]
        origin = (self._first_that_adds(batch, ref.row) if batch.undone else None) or batch
        signal = Signal(batch.part_of(ref.row).type, self._opened[ref.batch].value_of(ref.row).hex())
        return Entry(origin.list, signal, origin.why, origin.by, origin.at, origin.act)

    def row(self, ref: RowRef) -> tuple[Row, Entry]:
        """A row, and its entry. Errors as in `entry`."""
        place = self._opened[ref.batch].place_of(ref.row)
        return place.rows.row(place.number), self.entry_in(ref.batch, ref.row, place)

    def listed(self) -> Iterator[tuple[OpenBatch, int, int, Sequence[int]]]:
        """The listed rows of each bucket that has some: batch, number of the part, of the bucket, and the rows."""
        for batch in self._folded.batches:
            opened = self._opened[batch.id]
            for number, part in enumerate(batch.parts):
                if not part.rows:
                    continue
                edges = opened.edges(number)
                for bucket, (first, stop) in enumerate(pairwise(edges.tolist())):
                    rows = self._folded.listed.numbers(batch.id, first, stop) if first < stop else np.zeros(0, np.int64)
                    if len(rows):
                        yield opened, number, bucket, rows.tolist()

    def entries(self) -> Iterator[Entry]:
        """The entries of all listed rows, a bucket at a time. Raises DamagedSegment."""
        for opened, part, bucket, rows in self.listed():
            packed, first = opened.bucket(part, bucket), opened.bounds(part, bucket)[0]
            for row in rows:
                yield self.entry_in(opened.id, row, RowPlace(part, packed, row - first))

    def ids(self, list_name: str) -> Iterator[str]:
        """The ids of the entries of all listed rows, a bucket at a time. Raises DamagedSegment."""
        for opened, part, bucket, rows in self.listed():
            packed, first = opened.bucket(part, bucket), opened.bounds(part, bucket)[0]
            for row in rows:
                yield id_of(list_name, opened.parts[part], packed, row - first)

    def rows_of_sources(self, source_ids: Collection[str]) -> Iterator[RowRef]:
        """The listed rows that have one of these ids of their sources. Raises DamagedSegment."""
        for opened, part, bucket, rows in self.listed():
            if self._batches[opened.id].undone:
                continue  # the entries of its rows are what other batches say
            packed, first = opened.bucket(part, bucket), opened.bounds(part, bucket)[0]
            wanted = set(packed.of_sources(source_ids))
            yield from (RowRef(opened.id, row) for row in rows if row - first in wanted)

    def entry_in(self, batch_id: str, row: int, place: RowPlace) -> Entry:
        """The entry of a row that lies there. Raises DamagedSegment."""
        batch = self._batches[batch_id]
        adder = self._first_that_adds(batch, row) if batch.undone else None
        if adder is None:
            return place.rows.entry(place.number, batch)
        signal = place.rows.signal(place.number)
        return Entry(adder.list, signal, adder.why, adder.by, adder.at, adder.act)

    def _first_that_adds(self, batch: Batch, row: int) -> Batch | None:
        for other in self._folded.batches:
            if not other.undone and batch.id in other.adds and has_bit(self._adds(other, batch), row):
                return other
        return None

    def _adds(self, adder: Batch, batch: Batch) -> Bits:
        opened = self._opened[adder.id]
        return self._masks.get((adder.id, batch.id), lambda: opened.adds(batch.id, batch.rows))

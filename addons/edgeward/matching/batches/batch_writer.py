"""The data of a new batch: its rows, packed bucket by bucket as they come, and its masks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeward.matching.batches.listed_rows import compressed_bits
from edgeward.matching.batches.packed_rows import Row, bucket_bits, pack
from edgeward.types import Part, Signal, entry_id
from edgeward.types.batches import adds_field, counts_field, removes_field, row_field


class PartPlan(NamedTuple):
    """A part before its rows are known: how many there are at most."""

    type: str
    size: int
    most: int


class _OpenPart:
    """A part whose rows are being added."""

    def __init__(self, list_name: str, number: int, part: Part) -> None:
        self.part, self.counts = part, np.zeros(part.buckets, np.uint32)
        self._list_name, self._number = list_name, number
        self._bucket, self._rows, self._last = 0, list[Row](), ""

    def add(self, rows: Iterable[Row]) -> Iterator[tuple[str, bytes]]:
        for row in rows:
            if len(row.value) != self.part.size:
                raise ValueError(f"a value has {len(row.value)} bytes instead of {self.part.size}")
            row_id = entry_id(self._list_name, Signal(self.part.type, row.value.hex()))
            if row_id <= self._last:
                raise ValueError(f"the rows are not in the order of their ids: {row_id} follows {self._last}")
            self._last = row_id
            if (bucket := self.part.bucket_of(row_id)) != self._bucket:
                yield from self.close()
                self._bucket = bucket
            self._rows.append(row)
            self.counts[bucket] += 1

    def close(self) -> Iterator[tuple[str, bytes]]:
        """The last bucket."""
        if self._rows:
            yield row_field(self._number, self._bucket), pack(self._rows, self.part.size)
            self._rows = []


class BatchWriter:
    """Makes the data of a batch. Memory for the rows of one bucket is needed, and four bytes for each bucket.

    For each part, call `open_part`, `add` for all its rows, and `close_part`. Then `parts` are what the batch has, and
    `counts` are the last of the data.
    """

    def __init__(self, list_name: str) -> None:
        self._list_name = list_name
        self._parts: list[Part] = []
        self._counts: list[NDArray[np.uint32]] = []
        self._open: _OpenPart | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that were written."""
        return tuple(self._parts)

    @property
    def rows(self) -> int:
        """The number of rows that were written."""
        return sum(part.rows for part in self._parts)

    def open_part(self, plan: PartPlan) -> None:
        """Begin the next part. Raises ValueError: the last one is not closed."""
        if self._open:
            raise ValueError("a part is open already")
        part = Part(plan.type, plan.size, self.rows, 0, bucket_bits(plan.most))
        self._open = _OpenPart(self._list_name, len(self._parts), part)

    def add(self, rows: Iterable[Row]) -> list[tuple[str, bytes]]:
        """Add rows to the open part. Returns the data that are whole: name and bytes of each bucket.

        Rows come in the order of the ids of their entries, each once.

        Raises:
            ValueError: they come in another order, a value is of another length, or no part is open.
        """
        if not self._open:
            raise ValueError("no part is open")
        return list(self._open.add(rows))

    def close_part(self) -> list[tuple[str, bytes]]:
        """End the open part, and return the last of its buckets. A part without rows becomes none."""
        if not self._open:
            raise ValueError("no part is open")
        data = list(self._open.close())
        counts = self._open.counts
        if total := int(counts.sum(dtype=np.int64)):
            self._parts.append(replace(self._open.part, rows=total))
            self._counts.append(counts)
        self._open = None
        return data

    def counts(self) -> Iterator[tuple[str, bytes]]:
        """The data that say how many rows each bucket has."""
        for number, counts in enumerate(self._counts):
            yield counts_field(number), counts.astype("<u4").tobytes()


def mask_data(
    adds: Mapping[str, NDArray[np.bool_]], removes: Mapping[str, NDArray[np.bool_]]
) -> Iterator[tuple[str, bytes]]:
    """The data that say which rows of earlier batches, by their ids, a batch adds and removes."""
    for batch_id, rows in adds.items():
        yield adds_field(batch_id), compressed_bits(rows)
    for batch_id, rows in removes.items():
        yield removes_field(batch_id), compressed_bits(rows)

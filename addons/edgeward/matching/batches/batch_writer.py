"""The data of a new batch: its rows, packed bucket by bucket as they come, and its masks."""

from collections.abc import Iterable, Iterator
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


class BatchWriter:
    """Makes the data of a batch. Memory for the rows of one bucket is needed, and four bytes for each bucket.

    Call `part` for each part, and read what it yields to its end. Then `parts` are what the batch has, and `counts`
    are the last of the data to be stored.
    """

    def __init__(self, list_name: str) -> None:
        self._list_name = list_name
        self._parts: list[Part] = []
        self._counts: list[NDArray[np.uint32]] = []

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that were written."""
        return tuple(self._parts)

    @property
    def rows(self) -> int:
        """The number of rows that were written."""
        return sum(part.rows for part in self._parts)

    def part(self, plan: PartPlan, rows: Iterable[Row]) -> Iterator[tuple[str, bytes]]:
        """The data of the next part: name and bytes of each bucket that has rows.

        `rows` come in the order of the ids of their entries, each once. A part without rows becomes none.

        Raises:
            ValueError: they come in another order, or a value is of another length.
        """
        number, bits = len(self._parts), bucket_bits(plan.most)
        part = Part(plan.type, plan.size, self.rows, 0, bits)
        counts = np.zeros(part.buckets, np.uint32)
        bucket, of_bucket, last = 0, list[Row](), ""
        for row in rows:
            if len(row.value) != plan.size:
                raise ValueError(f"a value has {len(row.value)} bytes instead of {plan.size}")
            row_id = entry_id(self._list_name, Signal(plan.type, row.value.hex()))
            if row_id <= last:
                raise ValueError(f"the rows are not in the order of their ids: {row_id} follows {last}")
            last = row_id
            if (own := part.bucket_of(row_id)) != bucket:
                if of_bucket:
                    yield row_field(number, bucket), pack(of_bucket, plan.size)
                bucket, of_bucket = own, []
            of_bucket.append(row)
            counts[own] += 1
        if of_bucket:
            yield row_field(number, bucket), pack(of_bucket, plan.size)
        if total := int(counts.sum(dtype=np.int64)):
            self._parts.append(Part(plan.type, plan.size, part.first, total, bits))
            self._counts.append(counts)

    def counts(self) -> Iterator[tuple[str, bytes]]:
        """The data that say how many rows each bucket has."""
        for number, counts in enumerate(self._counts):
            yield counts_field(number), counts.astype("<u4").tobytes()


def mask_data(adds: dict[str, NDArray[np.bool_]], removes: dict[str, NDArray[np.bool_]]) -> Iterator[tuple[str, bytes]]:
    """The data that say which rows of earlier batches, by their ids, a batch adds and removes."""
    for batch_id, rows in adds.items():
        yield adds_field(batch_id), compressed_bits(rows)
    for batch_id, rows in removes.items():
        yield removes_field(batch_id), compressed_bits(rows)

"""Counting sort of rows into buckets, a chunk at a time: memory is bounded, and any distribution takes the same time.

The first pass counts the rows of each bucket, the second puts each row at the next free place of its bucket. A chunk is
sorted before it is written, so that it is written in order of the places.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from edgeward.matching.segments.segment_rows import Numbers

CHUNK_ROWS = 1 << 20
"""Rows that are sorted together: some 40 MB of intermediate results, and a tenth of a second."""
_ROW_BITS = np.uint64(32)
_ROW_MASK = np.uint64((1 << 32) - 1)

type BucketsOf = Callable[[int, int], NDArray[np.uint64]]
"""The bucket of each row from the first number to before the second."""
type Place = Callable[[Numbers, Numbers], None]
"""Takes places in ascending order, and the row that belongs at each."""


def bucket_sort(count: int, buckets_of: BucketsOf, table: NDArray[np.uint32], place: Place) -> Iterator[None]:
    """Sort `count` rows, in steps of a chunk. `table` becomes where each bucket begins, with the end of the last.

    Rows of one bucket keep their order.
    """
    starts = range(0, count, CHUNK_ROWS)
    counts = np.zeros(len(table) - 1, np.int64)
    for start in starts:
        counts += np.bincount(buckets_of(start, min(start + CHUNK_ROWS, count)).view(np.int64), minlength=len(counts))
        yield
    np.cumsum(counts, out=counts)
    table[0], table[1:] = 0, counts
    free = table[:-1].astype(np.int64) if len(starts) > 1 else None
    del counts
    for start in starts:
        packed = buckets_of(start, min(start + CHUNK_ROWS, count))
        packed <<= _ROW_BITS
        packed |= np.arange(start, start + len(packed), dtype=np.uint64)
        packed.sort()
        rows = (packed & _ROW_MASK).view(np.int64)
        if free is None:  # one chunk: it is all the rows
            place(np.arange(len(rows)), rows)
        else:
            _place_chunk((packed >> _ROW_BITS).view(np.int64), rows, free, place)
        yield


def _place_chunk(buckets: Numbers, rows: Numbers, free: Numbers, place: Place) -> None:
    """Put rows, in order of their buckets, at the next free places, and move those."""
    first = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1])))
    sizes = np.diff(first, append=len(buckets))
    used = buckets[first]
    place(np.repeat(free[used] - first, sizes) + np.arange(len(rows)), rows)
    free[used] += sizes

"""Multi-index hashing: values sorted by one band of their bits, so that a query is compared with few of them.

Source: Norouzi, Punjani, Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012 (IEEE TPAMI 36(6),
2014). Cut values into m bands. If two values differ in at most r bits, then by the pigeonhole principle they differ in
at most floor(r / m) bits in at least one band: if every band had more, all together would have more than r. So for each
band it is enough to look up the query's band with every combination of up to floor(r / m) flipped bits, and to compare
the whole values of the rows found. This misses nothing: the search is exact.

An example: 256 bits, 16 bands of 16 bits, radius 31. Two values within the radius differ in at most one bit in at least
one band, so each band takes 1 + 16 lookups.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from edgeward.matching.linear_scan import WORD_BITS, Indices, Words

BAND_BITS = 16
BAND_VALUES = 1 << BAND_BITS
BANDS_IN_WORD = WORD_BITS // BAND_BITS
PAIRS_PER_PIECE = 1 << 17
"""Candidates that are compared together: a few milliseconds of work and some 6 MB of intermediate results."""

type BandValues = NDArray[np.uint16]


class Band:
    """The rows of an index in the order of one of their bands. Takes 4 bytes per row, plus a quarter of a megabyte.

    A counting sort: the rows whose band has the value v are `_order[_ends[v] : _ends[v + 1]]`, so a lookup takes no
    binary search.
    """

    def __init__(self, words: Words, number: int) -> None:
        self.number = number
        values = self.of(words)
        self._order = np.argsort(values, kind="stable").astype(np.uint32)
        self._ends = np.zeros(BAND_VALUES + 1, np.uint32)
        np.cumsum(np.bincount(values, minlength=BAND_VALUES), out=self._ends[1:])

    def of(self, words: Words) -> BandValues:
        """This band of each value."""
        word, part = divmod(self.number, BANDS_IN_WORD)
        shifted: Words = words[word] >> np.uint64(part * BAND_BITS)
        return shifted.astype(np.uint16)

    def candidates(self, queries: Words, max_flips: int) -> "Candidates":
        """The rows whose band differs from a query's band in at most `max_flips` bits."""
        masks = _flip_masks(max_flips)
        probes = (self.of(queries)[:, None] ^ masks).ravel().astype(np.int64)
        return Candidates(self._order, self._ends[probes], self._ends[probes + 1], len(masks))


class Candidates:
    """Pairs (query, row) to compare, in pieces of PAIRS_PER_PIECE. `count` is known before any of them is made.

    Each probe (a query's band with some bits flipped) found one run of `order`, from `starts` to `ends`. Iteration
    expands the runs without a Python loop over them.
    """

    def __init__(
        self, order: NDArray[np.uint32], starts: NDArray[np.uint32], ends: NDArray[np.uint32], probes_per_query: int
    ) -> None:
        self._order, self._starts, self._probes_per_query = order, starts.astype(np.int64), probes_per_query
        self._counts = ends.astype(np.int64) - self._starts
        self._totals = np.cumsum(self._counts)
        self.count = int(self._totals[-1]) if len(starts) else 0

    def __iter__(self) -> Iterator[tuple[Indices, Indices]]:
        for start in range(0, self.count, PAIRS_PER_PIECE):
            stop = min(start + PAIRS_PER_PIECE, self.count)
            # The probes whose runs overlap this piece; the first and the last may do so in part.
            low, high = np.searchsorted(self._totals, (start, stop - 1), "right")
            probes = np.arange(low, high + 1)
            before = self._totals[probes] - self._counts[probes]
            first, last = np.maximum(before, start), np.minimum(self._totals[probes], stop)
            numbers = np.repeat(probes, last - first)
            rows = np.repeat(self._starts[probes] - before, last - first) + np.arange(start, stop)
            yield numbers // self._probes_per_query, self._order[rows].astype(np.int64)


def bands_for(words: int, radius: int) -> Sequence[int]:
    """The bands to search, for values of `words` words: all, or radius + 1 if that is fewer.

    With radius + 1 bands at least one is equal in both values, so the others add nothing.
    """
    return range(min(words * BANDS_IN_WORD, radius + 1))


@cache
def _flip_masks(max_flips: int) -> BandValues:
    """All masks of a band with at most `max_flips` bits set."""
    masks = [
        sum(1 << bit for bit in bits)
        for count in range(max_flips + 1)
        for bits in combinations(range(BAND_BITS), count)
    ]
    return np.array(masks, np.uint16)

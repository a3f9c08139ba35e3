"""Values sorted by one band of their bits: which of them may a query be near to?

By the pigeonhole principle: cut into bands, two values that differ in few bits differ in at most radius // bands of
them in one band at least. So only those need to be compared whose band is one of the few that a query's own can become
by so many flips.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from edgeward.matching.scan import WORD_BITS, Numbers, Words

BAND_BITS = 16
BAND_VALUES = 1 << BAND_BITS
BANDS_IN_WORD = WORD_BITS // BAND_BITS
AT_ONCE = 1 << 17
"""Candidates that are compared in one go, a few milliseconds' work and some 6 MB of intermediate results."""

type Values = NDArray[np.uint16]


class Band:
    """The rows of many values in the order of one band. 4 bytes a row, and a quarter of a megabyte."""

    def __init__(self, words: Words, number: int) -> None:
        self.number = number
        values = self.of(words)
        self._order = np.argsort(values, kind="stable").astype(np.uint32)
        self._ends = np.zeros(BAND_VALUES + 1, np.uint32)
        np.cumsum(np.bincount(values, minlength=BAND_VALUES), out=self._ends[1:])

    def of(self, words: Words) -> Values:
        """This band of each value."""
        word, part = divmod(self.number, BANDS_IN_WORD)
        shifted: Words = words[word] >> np.uint64(part * BAND_BITS)
        return shifted.astype(np.uint16)

    def candidates(self, queries: Words, most: int) -> "Candidates":
        """The rows whose band differs from a query's in at most so many bits."""
        flips = _flips(most)
        probes = (self.of(queries)[:, None] ^ flips).ravel().astype(np.int64)
        return Candidates(self._order, self._ends[probes], self._ends[probes + 1], len(flips))


class Candidates:
    """Pairs of a query and a row, in pieces of AT_ONCE."""

    def __init__(
        self, order: NDArray[np.uint32], starts: NDArray[np.uint32], ends: NDArray[np.uint32], probes: int
    ) -> None:
        self._order, self._first, self._probes = order, starts.astype(np.int64), probes
        self._counts = ends.astype(np.int64) - self._first
        self._until = np.cumsum(self._counts)
        self.count = int(self._until[-1]) if len(starts) else 0

    def __iter__(self) -> Iterator[tuple[Numbers, Numbers]]:
        for start in range(0, self.count, AT_ONCE):
            stop = min(start + AT_ONCE, self.count)
            low, high = np.searchsorted(self._until, (start, stop - 1), "right")
            chosen = np.arange(low, high + 1)
            before = self._until[chosen] - self._counts[chosen]
            first, last = np.maximum(before, start), np.minimum(self._until[chosen], stop)
            numbers = np.repeat(chosen, last - first)
            rows = np.repeat(self._first[chosen] - before, last - first) + np.arange(start, stop)
            yield numbers // self._probes, self._order[rows].astype(np.int64)


def bands_for(words: int, radius: int) -> Sequence[int]:
    """Numbers of the bands that are enough to look into, for values of so many words."""
    return range(min(words * BANDS_IN_WORD, radius + 1))


@cache
def _flips(most: int) -> Values:
    """All masks of a band with at most so many bits."""
    masks = [
        sum(1 << bit for bit in bits) for count in range(most + 1) for bits in combinations(range(BAND_BITS), count)
    ]
    return np.array(masks, np.uint16)

"""Many values against many, exactly: every pair within the radius is found, without comparing all of them.

By the pigeonhole principle: cut into bands, two values that differ in few bits differ in at most radius // bands of
them in one band at least. So for each band the rows are sorted by it, and only those are compared whose band is one of
the few that a query's own can become by so many flips. Where that would be no less work than comparing all, all are
compared: for great radii, few queries, or rows that are crowded in one place.
"""

import math
from collections.abc import Iterator
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from edgeward.matching.hamming import BLOCK, WORD_BITS, Words, scan

type Numbers = NDArray[np.int64]
type Found = tuple[Numbers, Numbers]
"""Pairs that lie within the radius: numbers of queries, and of rows. Some pairs are there more than once."""

BAND_BITS = 16
BAND_VALUES = 1 << BAND_BITS
BANDS_IN_WORD = WORD_BITS // BAND_BITS
LEAST_QUERIES = 32
"""Fewer are compared with all rows: sorting these would take longer."""
WORTH = 0.02
"""The share of all pairs, from which on comparing all of them one after the other is faster than picking them out."""
AT_ONCE = 1 << 20
"""Candidates that are compared in one go, some 50 MB of intermediate results."""


def pairs(rows: Words, queries: Words, radius: int) -> Iterator[Found]:
    """Pairs within the radius. Both are arrays of (words of a value, number of values)."""
    if queries.shape[1] < LEAST_QUERIES or not _is_worth(len(rows), radius):
        yield from _all_pairs(rows, queries, radius)
        return
    bands = min(len(rows) * BANDS_IN_WORD, radius + 1)
    flips = _flips(radius // bands)
    most = WORTH * rows.shape[1] * queries.shape[1]
    for band in range(bands):
        candidates = _Candidates(_band(rows, band), (_band(queries, band)[:, None] ^ flips).ravel())
        if candidates.count > most:
            yield from _all_pairs(rows, queries, radius)
            return
        for numbers, found in candidates:
            yield _verified(rows, queries, numbers // len(flips), found, radius)


def _is_worth(words: int, radius: int) -> bool:
    bands = min(words * BANDS_IN_WORD, radius + 1)
    probes = sum(math.comb(BAND_BITS, flipped) for flipped in range(min(radius // bands, BAND_BITS) + 1))
    return bands * probes / BAND_VALUES <= WORTH


@cache
def _flips(most: int) -> NDArray[np.uint16]:
    """All masks of a band with at most so many bits."""
    masks = [
        sum(1 << bit for bit in bits) for count in range(most + 1) for bits in combinations(range(BAND_BITS), count)
    ]
    return np.array(masks, np.uint16)


def _band(values: Words, band: int) -> NDArray[np.uint16]:
    """One band of every value."""
    word, part = divmod(band, BANDS_IN_WORD)
    shifted: Words = values[word] >> np.uint64(part * BAND_BITS)
    return shifted.astype(np.uint16)


class _Candidates:
    """Pairs of (number of a probe, row) where a row's band is what the probe asks for."""

    def __init__(self, bands: NDArray[np.uint16], probes: NDArray[np.uint16]) -> None:
        self._order = np.argsort(bands, kind="stable")
        ends = np.cumsum(np.bincount(bands, minlength=BAND_VALUES))
        starts = np.concatenate((np.zeros(1, ends.dtype), ends[:-1]))
        self._first, self._counts = starts[probes], ends[probes] - starts[probes]
        self._until = np.cumsum(self._counts)
        self.count = int(self._until[-1]) if len(probes) else 0

    def __iter__(self) -> Iterator[Found]:
        for start in range(0, self.count, AT_ONCE):
            stop = min(start + AT_ONCE, self.count)
            low, high = np.searchsorted(self._until, (start, stop - 1), "right")
            chosen = np.arange(low, high + 1)
            before = self._until[chosen] - self._counts[chosen]
            first, last = np.maximum(before, start), np.minimum(self._until[chosen], stop)
            numbers = np.repeat(chosen, last - first)
            rows = np.repeat(self._first[chosen] - before, last - first) + np.arange(start, stop)
            yield numbers, self._order[rows]


def _verified(rows: Words, queries: Words, numbers: Numbers, found: Numbers, radius: int) -> Found:
    """Those of the candidates that lie within the radius, word by word."""
    distances = np.zeros(len(found), np.uint16)
    for row_word, query_word in zip(rows, queries, strict=True):
        distances += np.bitwise_count(row_word[found] ^ query_word[numbers])
        near = distances <= radius
        numbers, found, distances = numbers[near], found[near], distances[near]
    return numbers, found


def _all_pairs(rows: Words, queries: Words, radius: int) -> Iterator[Found]:
    for start in range(0, rows.shape[1], BLOCK):
        block = rows[:, start : start + BLOCK]
        for number in range(queries.shape[1]):
            found, _ = scan(block, queries[:, number], radius)
            if len(found):
                yield np.full(len(found), number), found + start

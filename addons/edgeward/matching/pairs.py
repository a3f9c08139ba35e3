"""Many values against many, exactly: every pair within the radius is found, without comparing all of them.

Candidates are picked out by their bands (bands.py). Where that would be no less work than comparing all, all are
compared: for great radii, few queries, or rows that are crowded in one place.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from edgeward.matching.bands import BAND_BITS, BAND_VALUES, Band, bands_for
from edgeward.matching.scan import Found, Numbers, Words, scan

LEAST_QUERIES = 32
"""Fewer are compared with all rows: sorting these would take longer."""
WORTH = 0.02
"""The share of all pairs, from which on comparing all of them one after the other is faster than picking them out."""


def pairs(rows: Words, queries: Words, radius: int) -> Iterator[Found]:
    """Pairs within the radius, some of them more than once."""
    if queries.shape[1] < LEAST_QUERIES or not worth_picking(len(rows), radius):
        return scan(rows, queries, radius)
    return picked(rows, queries, radius, (Band(rows, number) for number in bands_for(len(rows), radius)))


def worth_picking(words: int, radius: int) -> bool:
    """Whether the bands of values that are spread evenly leave few enough candidates."""
    bands = len(bands_for(words, radius))
    probes = sum(math.comb(BAND_BITS, flipped) for flipped in range(min(radius // bands, BAND_BITS) + 1))
    return bands * probes / BAND_VALUES <= WORTH


def picked(rows: Words, queries: Words, radius: int, bands: Iterable[Band]) -> Iterator[Found]:
    """The same, where `bands` are those of `bands_for`, of these rows and perhaps of more behind them."""
    most_flips = radius // len(bands_for(len(rows), radius))
    most = WORTH * rows.shape[1] * queries.shape[1]
    for band in bands:
        candidates = band.candidates(queries, most_flips)
        if candidates.count > most:
            yield from scan(rows, queries, radius)
            return
        for numbers, found in candidates:
            yield _verified(rows, queries, numbers, found, radius)


def _verified(rows: Words, queries: Words, numbers: Numbers, found: Numbers, radius: int) -> Found:
    """Those of the candidates that lie within the radius, word by word."""
    there = found < rows.shape[1]
    numbers, found = numbers[there], found[there]
    distances = np.zeros(len(found), np.int64)
    for row_word, query_word in zip(rows, queries, strict=True):
        distances += np.bitwise_count(row_word[found] ^ query_word[numbers])
        near = distances <= radius
        numbers, found, distances = numbers[near], found[near], distances[near]
    return numbers, found, distances

"""Many queries against many values, exactly: every pair within the radius is found, without comparing all pairs.

Candidates are found by their bands (bands.py). All pairs are compared where that costs no more: with a large
radius, few queries, or many rows that share a band's value.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from edgeward.matching.bands import BAND_BITS, BAND_VALUES, Band, bands_for
from edgeward.matching.linear_scan import Indices, NearPairs, Words, scan

MIN_QUERIES = 32
"""Fewer queries are compared with all rows: sorting the rows would take longer."""
MAX_CANDIDATE_SHARE = 0.02
"""If bands leave more than this share of all pairs, a scan of all pairs is faster: it reads memory in order."""


def near_pairs(rows: Words, queries: Words, radius: int) -> Iterator[NearPairs]:
    """The pairs within the radius, some of them more than once."""
    if queries.shape[1] < MIN_QUERIES or not bands_help(len(rows), radius):
        return scan(rows, queries, radius)
    return search_by_bands(rows, queries, radius, (Band(rows, number) for number in bands_for(len(rows), radius)))


def bands_help(words: int, radius: int) -> bool:
    """Whether bands leave few enough candidates, if values are spread evenly."""
    bands = len(bands_for(words, radius))
    probes = sum(math.comb(BAND_BITS, flipped) for flipped in range(min(radius // bands, BAND_BITS) + 1))
    return bands * probes / BAND_VALUES <= MAX_CANDIDATE_SHARE


def search_by_bands(rows: Words, queries: Words, radius: int, bands: Iterable[Band]) -> Iterator[NearPairs]:
    """The same by `bands`: those of `bands_for`, sorted from at least these rows; further rows in them are ignored."""
    max_flips = radius // len(bands_for(len(rows), radius))
    max_candidates = MAX_CANDIDATE_SHARE * rows.shape[1] * queries.shape[1]
    for band in bands:
        candidates = band.candidates(queries, max_flips)
        # Values that are not spread evenly, such as many copies of one image, can share a band.
        if candidates.count > max_candidates:
            yield from scan(rows, queries, radius)
            return
        for numbers, found in candidates:
            yield _within_radius(rows, queries, numbers, found, radius)


def _within_radius(rows: Words, queries: Words, numbers: Indices, found: Indices, radius: int) -> NearPairs:
    """The candidates that lie within the radius, compared word by word: each word leaves fewer for the next."""
    there = found < rows.shape[1]
    numbers, found = numbers[there], found[there]
    distances = np.zeros(len(found), np.int64)
    for row_word, query_word in zip(rows, queries, strict=True):
        distances += np.bitwise_count(row_word[found] ^ query_word[numbers])
        near = distances <= radius
        numbers, found, distances = numbers[near], found[near], distances[near]
    return numbers, found, distances

"""Comparing values that lie row after row: rows that were found, or all rows in order."""

from collections.abc import Iterator

import numpy as np

from edgeward.matching.segments.segment_rows import HAMMING, Metric, Numbers, Values, Words

type NearRows = tuple[Numbers, Numbers, Numbers]
"""Positions of queries, rows within the radius, and their distances, of equal length."""

FIRST_WORDS = 2
"""Words that are compared of every row: most values differ in more bits than the radius there. The distance of two
words fits a byte."""
ROWS_PER_BLOCK = 1 << 13
"""Few enough that the intermediate results stay in the processor's cache."""
MAX_RADIUS_BY_FIRST_WORDS = 40
"""With a larger radius many values are still near after their first words, so all words are compared at once."""
WORDS_PER_PIECE = 1 << 21
"""Words that are compared in one step: some two milliseconds."""
ROWS_PER_LOOKUP = 1 << 12
"""Rows that are looked up among sorted values in one step: some two milliseconds."""


def near_among(
    rows: Words, queries: Words, numbers: Numbers, found: Numbers, radius: int, metric: Metric = HAMMING
) -> NearRows:
    """The candidates (position of the query, row) that lie within the radius; each once."""
    values = np.take(rows, found, axis=0)
    single = len(queries) == 1
    apart = np.zeros(len(found), np.uint8)
    for word in range(metric.leading_words, min(metric.leading_words + FIRST_WORDS, rows.shape[1])):
        wanted = queries[0, word] if single else np.take(queries[:, word], numbers)
        apart += np.bitwise_count(values[:, word] ^ wanted)
    near = np.flatnonzero(apart <= radius)
    if not len(near):
        return near, near, near
    numbers, found = numbers[near], found[near]
    distances = _distances(values[near], queries[numbers], metric)
    kept = np.flatnonzero(distances <= radius)
    if len(kept) > 1:
        pairs = numbers[kept] * np.int64(len(rows)) + found[kept]
        kept = kept[np.unique(pairs, return_index=True)[1]]
    return numbers[kept], found[kept], distances[kept]


def scan_rows(rows: Words, queries: Words, radius: int, metric: Metric = HAMMING) -> Iterator[NearRows]:
    """Every pair within the radius, in pieces of a few milliseconds. A piece may be empty."""
    leading = metric.leading_words
    first = slice(leading, leading + FIRST_WORDS if radius <= MAX_RADIUS_BY_FIRST_WORDS else None)
    pieces: list[NearRows] = []
    pairs = 0
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        block = rows[start : start + ROWS_PER_BLOCK]
        columns = np.ascontiguousarray(block[:, first].T)
        for number, query in enumerate(queries):
            near = _near_by_columns(columns, query[first], radius)
            if len(near):
                distances = _distances(block[near], query, metric)
                kept = distances <= radius
                near = near[kept]
                pieces.append((np.full(len(near), number), near + start, distances[kept]))
            pairs += len(block)
            if pairs * len(columns) >= WORDS_PER_PIECE:
                yield _joined(pieces)
                pieces, pairs = [], 0
    yield _joined(pieces)


def equal_rows(rows: Values, values: Values) -> Iterator[tuple[Numbers, Numbers]]:
    """Every pair (position in `values`, row) of equal values, in pieces of a few milliseconds.

    Each row is looked up among the sorted values, so the time does not depend on how they are distributed.
    """
    texts = np.ascontiguousarray(values).view(f"S{values.shape[1]}").reshape(-1)
    order = np.argsort(texts, kind="stable")
    texts = texts[order]
    for start in range(0, len(rows), ROWS_PER_LOOKUP):
        wanted = np.ascontiguousarray(rows[start : start + ROWS_PER_LOOKUP]).view(texts.dtype).reshape(-1)
        first = np.searchsorted(texts, wanted)
        there = np.flatnonzero(first < len(texts))
        there = there[texts[first[there]] == wanted[there]]
        first, counts = first[there], np.searchsorted(texts, wanted[there], "right") - first[there]
        # Equal values lie side by side: the first of each, and how many follow it.
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        yield order[np.repeat(first, counts) + offsets], np.repeat(there, counts) + start


def _near_by_columns(columns: Words, query: Words, radius: int) -> Numbers:
    """The rows that are within the radius by the words that lie in columns."""
    apart = np.zeros(columns.shape[1], np.uint16)
    for column, wanted in zip(columns, query, strict=True):
        apart += np.bitwise_count(column ^ wanted)
    return np.flatnonzero(apart <= radius)


def _distances(rows: Words, others: Words, metric: Metric) -> Numbers:
    """How far rows are from others."""
    counts = np.bitwise_count(rows ^ others)
    leading = metric.leading_words
    distances = counts[:, leading:].sum(axis=1, dtype=np.int64)
    if leading:
        np.maximum(distances, metric.weight * counts[:, :leading].sum(axis=1, dtype=np.int64), out=distances)
    return distances


def _joined(pieces: list[NearRows]) -> NearRows:
    if not pieces:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    numbers, rows, distances = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return numbers, rows, distances

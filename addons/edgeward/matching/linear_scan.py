"""Comparing all values with all queries, a block at a time.

Values are stored as columns of 64-bit words. Most values already differ in more bits than the radius in their first two
words, so the other words are read only for the few that do not.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

type Words = NDArray[np.uint64]
"""Values as an array of (words of a value, number of values)."""
type Indices = NDArray[np.int64]
type NearPairs = tuple[Indices, Indices, Indices]
"""Pairs within the radius: indices of queries, indices of rows, distances. All three have one length."""

WORD_BITS = 64
FIRST_WORDS = 2
"""Words that are compared of every value. Two hold 128 bits, so their distance fits a byte."""
PAIRS_PER_BLOCK = 1 << 15
"""Few enough that the intermediate results stay in the processor's cache."""


def scan(rows: Words, queries: Words, radius: int) -> Iterator[NearPairs]:
    """Every pair within the radius, in pieces of well under a millisecond. A piece may be empty."""
    count = rows.shape[1]
    for start in range(0, count, PAIRS_PER_BLOCK):
        block = rows[:, start : start + PAIRS_PER_BLOCK]
        together = PAIRS_PER_BLOCK // block.shape[1]
        for first in range(0, queries.shape[1], together):
            numbers, found, distances = _compare(block, queries[:, first : first + together], radius)
            yield (numbers + first, found + start, distances) if len(found) else (numbers, found, distances)


def _compare(block: Words, queries: Words, radius: int) -> NearPairs:
    """The pairs of one block: by the first words all, by the others those that are still within the radius."""
    head = np.bitwise_count(block[0] ^ queries[0][:, None])
    for word in range(1, min(FIRST_WORDS, len(queries))):
        head += np.bitwise_count(block[word] ^ queries[word][:, None])
    flat = (head <= radius).ravel().nonzero()[0]
    if not len(flat):
        return flat, flat, flat
    numbers, found = np.divmod(flat, block.shape[1])
    distances = head.ravel()[flat].astype(np.int64)
    for word in range(FIRST_WORDS, len(queries)):
        distances += np.bitwise_count(block[word, found] ^ queries[word, numbers])
    near = distances <= radius
    return numbers[near], found[near], distances[near]

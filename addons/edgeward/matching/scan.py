"""Comparing all values with all queries, a piece at a time.

Column by column of their 64-bit words: most values already differ in more bits than the radius in their first two
words, so the others are read only for the few that do not.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

type Words = NDArray[np.uint64]
"""Values as an array of (words of a value, number of values)."""
type Numbers = NDArray[np.int64]
type Found = tuple[Numbers, Numbers, Numbers]
"""Pairs that lie within the radius: numbers of queries, of rows, and the distances."""

WORD_BITS = 64
HEAD_WORDS = 2
"""Words that are compared of every value. Two hold 128 bits, so their distance fits a byte."""
BLOCK = 1 << 15
"""Pairs per step: so few that the intermediate results stay in the processor's cache."""


def scan(rows: Words, queries: Words, radius: int) -> Iterator[Found]:
    """Every pair within the radius, in pieces of well under a millisecond; those without a pair come too."""
    count = rows.shape[1]
    for start in range(0, count, BLOCK):
        block = rows[:, start : start + BLOCK]
        together = BLOCK // block.shape[1]
        for first in range(0, queries.shape[1], together):
            numbers, found, distances = _compared(block, queries[:, first : first + together], radius)
            yield (numbers + first, found + start, distances) if len(found) else (numbers, found, distances)


def _compared(block: Words, queries: Words, radius: int) -> Found:
    head = np.bitwise_count(block[0] ^ queries[0][:, None])
    for word in range(1, min(HEAD_WORDS, len(queries))):
        head += np.bitwise_count(block[word] ^ queries[word][:, None])
    places = (head <= radius).ravel().nonzero()[0]
    if not len(places):
        return places, places, places
    numbers, found = np.divmod(places, block.shape[1])
    distances = head.ravel()[places].astype(np.int64)
    for word in range(HEAD_WORDS, len(queries)):
        distances += np.bitwise_count(block[word, found] ^ queries[word, numbers])
    near = distances <= radius
    return numbers[near], found[near], distances[near]

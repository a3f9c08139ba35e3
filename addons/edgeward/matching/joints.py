"""Exact search for `pdq-dhash`: by the dhash, which leaves few, then by the PDQ."""

from collections.abc import Hashable, Iterator

import numpy as np

from edgeward.hashing.signal_types import DHASH_WEIGHT, ListedType
from edgeward.matching.hamming import HammingIndex
from edgeward.matching.scan import Found, Words, scan


class JointIndex[Key: Hashable](HammingIndex[Key]):
    """Values of signal_types.PdqDhash, each under a key of its own. The first word of a value is its dhash."""

    def __init__(self, kind: ListedType) -> None:
        super().__init__(kind.bits)
        self._sorted_words = 1

    def _near(self, words: Words, queries: Words, radius: int) -> Iterator[Found]:
        """Many queries may have one dhash: those of one picture as it may have been before it was cropped."""
        dhashes, whose = np.unique(queries[0], return_inverse=True)
        for numbers, rows, distances in super()._near(words[:1], dhashes[None, :], radius // DHASH_WEIGHT):
            yield numbers[:0], rows[:0], distances[:0]
            for number in np.unique(numbers):
                mine, near = np.flatnonzero(whose == number), numbers == number
                chosen, lower = rows[near], DHASH_WEIGHT * distances[near]
                for query, row, pdq in scan(words[1:, chosen], queries[1:, mine], radius):
                    yield mine[query], chosen[row], np.maximum(pdq, lower[row])

"""Exact search for `pdq-dhash`: by the dhash, which leaves few candidates, then by the PDQ."""

from collections.abc import Hashable, Iterator

import numpy as np

from edgeward.hashing.signal_types import DHASH_WEIGHT, ListedType
from edgeward.matching.hamming import HammingIndex
from edgeward.matching.linear_scan import NearPairs, Words, scan


class CompositeIndex[Key: Hashable](HammingIndex[Key]):
    """Values of signal_types.PdqDhash, each under its own key. The first word of a value is its dhash.

    Two values are near if both their dhashes and their PDQs are (`PdqDhash.distance`), so a search by either misses
    nothing. The dhash goes first: its radius is at most 12 of 64 bits, and few pictures are that close by chance.
    """

    def __init__(self, kind: ListedType) -> None:
        super().__init__(kind.bits)
        self._sorted_words = 1

    def _near(self, words: Words, queries: Words, radius: int) -> Iterator[NearPairs]:
        # Many queries can share a dhash: the geometry variants of one picture do. Each dhash is searched once.
        dhashes, dhash_of_query = np.unique(queries[0], return_inverse=True)
        for numbers, rows, distances in super()._near(words[:1], dhashes[None, :], radius // DHASH_WEIGHT):
            yield numbers[:0], rows[:0], distances[:0]  # an empty piece: callers may pause here
            for number in np.unique(numbers):
                sharing, near = np.flatnonzero(dhash_of_query == number), numbers == number
                chosen, dhash_distances = rows[near], DHASH_WEIGHT * distances[near]
                for query, row, pdq_distances in scan(words[1:, chosen], queries[1:, sharing], radius):
                    yield sharing[query], chosen[row], np.maximum(pdq_distances, dhash_distances[row])

"""Exact nearest-neighbour search in Hamming space: every value within the radius is found, never an approximation.

Values are compared one by one, or picked out by their bands where that is less work: many queries, or many values. What
is sorted by bands is what the values were a while ago. That misses nothing, for each row that was written since is
compared, and whatever is picked out is compared with its value of now.
"""

from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from edgeward.matching.bands import bands_for
from edgeward.matching.pairs import picked, worth_picking
from edgeward.matching.scan import WORD_BITS, Found, Words, scan
from edgeward.matching.sorting import Sorted, Sorting

FIRST_CAPACITY = 128
SORTED_FROM = 1 << 15
"""Values from which on they are sorted. Of fewer all are compared soon enough."""
STALE_SHARE = 1 / 16
"""Of the values that may have been written since, before they are sorted again."""
WORTH_PICKING = 1 << 19
"""Pairs of values and queries from which on picking out is faster than comparing all."""


class HammingIndex[Key: Hashable]:
    """Values of `bits` bits, each under a key of its own.

    Keys and search results are arbitrary hashables; values are hexadecimal text of bits / 4 digits.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self._words: Words = np.zeros((-(-bits // WORD_BITS), FIRST_CAPACITY), np.uint64)
        self._keys: list[Key] = []
        self._rows: dict[Key, int] = {}
        self._sorted = Sorted()
        self._sorted_words = len(self._words)
        self._sorting: Sorting | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Key, value_hex: str) -> None:
        """Add a value; a key that is there already gets the new one.

        Raises:
            ValueError: the value is no hexadecimal number of this many bits.
        """
        words = _words(self.bits, (value_hex,))[:, 0]
        row = self._rows.setdefault(key, len(self._keys))
        if row == len(self._keys):
            self._keys.append(key)
        if row == self._words.shape[1]:
            self._words = np.concatenate((self._words, np.zeros_like(self._words)), axis=1)
        self._write(row, words)

    def remove(self, key: Key) -> None:
        """Remove a key; one that is not there is ignored. The last value takes its place."""
        row = self._rows.pop(key, None)
        if row is None:
            return
        last = self._keys.pop()
        if row < len(self._keys):
            self._keys[row] = last
            self._rows[last] = row
            self._write(row, self._words[:, len(self._keys)])

    def _write(self, row: int, words: Words) -> None:
        self._sorted.note(row)
        if self._sorting:
            self._sorting.made.note(row)
        self._words[:, row] = words

    def search(self, value_hex: str, radius: int) -> list[tuple[Key, int]]:
        """All keys whose value differs from this one in at most `radius` bits, with the distance, nearest first."""
        found = {key: distance for piece in self.search_each([value_hex], radius) for _, key, distance in piece}
        return sorted(found.items(), key=lambda pair: pair[1])

    def search_each(self, values_hex: Sequence[str], radius: int) -> Iterator[list[tuple[int, Key, int]]]:
        """The same for many values, in pieces: (number of the value, key, distance), some of them twice.

        A piece is a few milliseconds' work. The index must not change before the last one came.
        """
        if not values_hex:
            return
        queries = _queries(self.bits, tuple(values_hex))
        self._keep_sorted()
        for numbers, rows, distances in self._near(self._words[:, : len(self._keys)], queries, radius):
            near = zip(numbers.tolist(), rows.tolist(), distances.tolist(), strict=True)
            yield [(number, self._keys[row], distance) for number, row, distance in near]

    def _near(self, words: Words, queries: Words, radius: int) -> Iterator[Found]:
        few = words.shape[1] * queries.shape[1] < WORTH_PICKING
        if few or not self._sorted.bands or not worth_picking(len(words), radius):
            yield from scan(words, queries, radius)
            return
        covered = min(self._sorted.count, words.shape[1])
        bands = self._sorted.bands[: len(bands_for(len(words), radius))]
        yield from picked(words[:, :covered], queries, radius, bands)
        written = self._sorted.written(words.shape[1])
        for numbers, places, distances in scan(words[:, written], queries, radius):
            yield numbers, written[places], distances
        for numbers, rows, distances in scan(words[:, covered:], queries, radius):
            yield numbers, rows + covered, distances

    def _keep_sorted(self) -> None:
        """Have the values sorted beside the caller where enough have changed, and take over what was sorted."""
        if self._sorting and not self._sorting.is_alive():
            if self._sorting.made.bands:  # else it ran out of memory, and is tried again
                self._sorted = self._sorting.made
            self._sorting = None
        count = len(self._keys)
        if self._sorting is None and self._sorted.unsorted(count) > max(SORTED_FROM, STALE_SHARE * count):
            self._sorting = Sorting(self._words[: self._sorted_words], count)
            self._sorting.start()


def _words(bits: int, values_hex: Sequence[str]) -> Words:
    size = -(-bits // WORD_BITS)
    for value in values_hex:
        if len(value) * 4 != bits:
            raise ValueError(f"{len(value) * 4} bits where {bits} are due")
    padded = bytes.fromhex("".join(value.rjust(size * 16, "0") for value in values_hex))
    return np.frombuffer(padded, ">u8").astype(np.uint64).reshape(len(values_hex), size).T


@lru_cache(maxsize=64)
def _queries(bits: int, values_hex: tuple[str, ...]) -> Words:
    """Kept, as one image is looked up in the index of each list."""
    return np.ascontiguousarray(_words(bits, values_hex))

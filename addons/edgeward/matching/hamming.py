"""Exact nearest-neighbour search in Hamming space: every value within the radius is found, never an approximation.

Values are compared one by one, or found by their bands (bands.py) where that is less work: for many queries, or many
values. The bands are sorted in a thread now and then, so they may be out of date. That misses nothing: each row written
since is compared, and each candidate is compared with its present value.
"""

from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from edgeward.matching.band_rebuild import BandRebuild, SortedBands
from edgeward.matching.bands import bands_for
from edgeward.matching.batch_search import bands_help, search_by_bands
from edgeward.matching.linear_scan import WORD_BITS, NearPairs, Words, scan

INITIAL_CAPACITY = 128
MIN_ROWS_TO_SORT = 1 << 15
"""Unsorted rows up to which bands are not worth a thread: comparing them all is fast enough."""
MAX_UNSORTED_SHARE = 1 / 16
"""Share of rows that may be unsorted before all are sorted again."""
MIN_PAIRS_FOR_BANDS = 1 << 19
"""Pairs of values and queries below which comparing all is faster than searching by bands."""


class HammingIndex[Key: Hashable]:
    """Values of `bits` bits, each under its own key.

    Keys are any hashables; values are hexadecimal text of bits / 4 digits.

    Attributes:
        sorted_bands: the rows as they were last sorted.
        rebuild: the thread that sorts them again, if one runs or has just ended.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.sorted_bands = SortedBands()
        self.rebuild: BandRebuild | None = None
        self._words: Words = np.zeros((-(-bits // WORD_BITS), INITIAL_CAPACITY), np.uint64)
        self._keys: list[Key] = []
        self._rows: dict[Key, int] = {}
        self._sorted_words = len(self._words)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Key, value_hex: str) -> None:
        """Add a value, or replace the one under this key.

        Raises:
            ValueError: the value is not a hexadecimal number of `bits` bits.
        """
        words = _words(self.bits, (value_hex,))[:, 0]
        row = self._rows.setdefault(key, len(self._keys))
        if row == len(self._keys):
            self._keys.append(key)
        if row == self._words.shape[1]:
            self._words = np.concatenate((self._words, np.zeros_like(self._words)), axis=1)
        self._write(row, words)

    def remove(self, key: Key) -> None:
        """Remove a key; an unknown one is ignored. The last row moves to its place, so that rows have no gaps."""
        row = self._rows.pop(key, None)
        if row is None:
            return
        last = self._keys.pop()
        if row < len(self._keys):
            self._keys[row] = last
            self._rows[last] = row
            self._write(row, self._words[:, len(self._keys)])

    def _write(self, row: int, words: Words) -> None:
        # Noted before it is written: a rebuild that reads the row half written then knows not to rely on it.
        self.sorted_bands.note_change(row)
        if self.rebuild:
            self.rebuild.result.note_change(row)
        self._words[:, row] = words

    def search(self, value_hex: str, radius: int) -> list[tuple[Key, int]]:
        """The keys whose value differs from this one in at most `radius` bits, with the distance, nearest first."""
        found = {key: distance for piece in self.search_each([value_hex], radius) for _, key, distance in piece}
        return sorted(found.items(), key=lambda pair: pair[1])

    def search_each(self, values_hex: Sequence[str], radius: int) -> Iterator[list[tuple[int, Key, int]]]:
        """The same for many values, in pieces: (position in `values_hex`, key, distance). Some may come twice.

        A piece takes a few milliseconds. The index must not change until the last piece is taken.
        """
        if not values_hex:
            return
        queries = _queries(self.bits, tuple(values_hex))
        self._refresh_bands()
        for numbers, rows, distances in self._near(self._words[:, : len(self._keys)], queries, radius):
            near = zip(numbers.tolist(), rows.tolist(), distances.tolist(), strict=True)
            yield [(number, self._keys[row], distance) for number, row, distance in near]

    def _near(self, words: Words, queries: Words, radius: int) -> Iterator[NearPairs]:
        few = words.shape[1] * queries.shape[1] < MIN_PAIRS_FOR_BANDS
        if few or not self.sorted_bands.bands or not bands_help(len(words), radius):
            yield from scan(words, queries, radius)
            return
        covered = min(self.sorted_bands.count, words.shape[1])
        bands = self.sorted_bands.bands[: len(bands_for(len(words), radius))]
        yield from search_by_bands(words[:, :covered], queries, radius, bands)
        changed = self.sorted_bands.changed(words.shape[1])
        for numbers, places, distances in scan(words[:, changed], queries, radius):
            yield numbers, changed[places], distances
        for numbers, rows, distances in scan(words[:, covered:], queries, radius):
            yield numbers, rows + covered, distances

    def _refresh_bands(self) -> None:
        """Take over the result of a rebuild that has ended, and start one if too many rows are unsorted."""
        if self.rebuild and not self.rebuild.is_alive():
            if self.rebuild.result.bands:  # empty: it ran out of memory, and is tried again
                self.sorted_bands = self.rebuild.result
            self.rebuild = None
        count = len(self._keys)
        limit = max(MIN_ROWS_TO_SORT, MAX_UNSORTED_SHARE * count)
        if self.rebuild is None and self.sorted_bands.unsorted(count) > limit:
            self.rebuild = BandRebuild(self._words[: self._sorted_words], count)
            self.rebuild.start()


def _words(bits: int, values_hex: Sequence[str]) -> Words:
    size = -(-bits // WORD_BITS)
    for value in values_hex:
        if len(value) * 4 != bits:
            raise ValueError(f"{len(value) * 4} bits instead of {bits}")
    padded = bytes.fromhex("".join(value.rjust(size * 16, "0") for value in values_hex))
    return np.frombuffer(padded, ">u8").astype(np.uint64).reshape(len(values_hex), size).T


@lru_cache(maxsize=64)
def _queries(bits: int, values_hex: tuple[str, ...]) -> Words:
    """Cached, since an image's values are looked up in the index of each list."""
    return np.ascontiguousarray(_words(bits, values_hex))

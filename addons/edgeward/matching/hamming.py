"""Exact nearest-neighbour search in Hamming space: every value within the radius is found, never an approximation.

A scan over 64-bit words, column by column: most values already differ in more bits than the radius in their first
two words, so the others are read only for the few that do not.
"""

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

type Words = NDArray[np.uint64]
type Distances = NDArray[np.int64]

WORD_BITS = 64
HEAD_WORDS = 2
"""Words that are compared of every value. Two hold 128 bits, so their distance fits a byte."""
BLOCK = 1 << 15
"""Values per step of a scan: so few that the intermediate results stay in the processor's cache."""
FIRST_CAPACITY = 1024


class HammingIndex[Key: Hashable]:
    """Values of `bits` bits, each under a key of its own.

    Keys and search results are arbitrary hashables; values are hexadecimal text of bits / 4 digits.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self._words: Words = np.zeros((-(-bits // WORD_BITS), FIRST_CAPACITY), np.uint64)
        self._keys: list[Key] = []
        self._rows: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Key, value_hex: str) -> None:
        """Add a value; a key that is there already gets the new one.

        Raises:
            ValueError: the value is no hexadecimal number of this many bits.
        """
        words = self._parse(value_hex)
        row = self._rows.setdefault(key, len(self._keys))
        if row == len(self._keys):
            self._keys.append(key)
        if row == self._words.shape[1]:
            self._words = np.concatenate((self._words, np.zeros_like(self._words)), axis=1)
        self._words[:, row] = words

    def remove(self, key: Key) -> None:
        """Remove a key; one that is not there is ignored. The last value takes its place."""
        row = self._rows.pop(key, None)
        if row is None:
            return
        last = self._keys.pop()
        if row < len(self._keys):
            self._keys[row] = last
            self._rows[last] = row
            self._words[:, row] = self._words[:, len(self._keys)]

    def search(self, value_hex: str, radius: int) -> list[tuple[Key, int]]:
        """All keys whose value differs from this one in at most `radius` bits, with the distance, nearest first."""
        query = self._parse(value_hex)
        found: list[tuple[Key, int]] = []
        for start in range(0, len(self._keys), BLOCK):
            block = self._words[:, start : min(start + BLOCK, len(self._keys))]
            rows, distances = scan(block, query, radius)
            near = zip(rows.tolist(), distances.tolist(), strict=True)
            found += [(self._keys[start + row], distance) for row, distance in near]
        found.sort(key=lambda pair: pair[1])
        return found

    def _parse(self, value_hex: str) -> Words:
        if len(value_hex) * 4 != self.bits:
            raise ValueError(f"{len(value_hex) * 4} bits where {self.bits} are due")
        padded = bytes.fromhex(value_hex.rjust(len(self._words) * 16, "0"))
        return np.frombuffer(padded, ">u8").astype(np.uint64)


def scan(block: Words, query: Words, radius: int) -> tuple[Distances, Distances]:
    """Rows of a block (words of a value, number of values) within the radius, and their distances."""
    head = np.bitwise_count(block[0] ^ query[0])
    for word in range(1, min(HEAD_WORDS, len(query))):
        head += np.bitwise_count(block[word] ^ query[word])
    rows = np.flatnonzero(head <= radius)
    distances: Distances = head[rows].astype(np.int64)
    for word in range(HEAD_WORDS, len(query)):
        distances += np.bitwise_count(block[word, rows] ^ query[word])
    near = distances <= radius
    return rows[near], distances[near]

"""Values of millions of images in little memory, searched exactly: 10 million of 256 bits take 360 MB.

There is no object per value: values and their marks lie in arrays, segment after segment, so that growing copies
nothing. Values are only added. One thread may add while others search: they see what was there when they began.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeward.matching.pairs import LEAST_QUERIES, pairs
from edgeward.matching.scan import Words

SEGMENT = 1 << 16
PAGE = 16
"""Segments that many queries are compared with in one go: about a million values."""
WORD_BYTES = 8


class Crowd:
    """Values of `size` bytes, each with a mark: a number below 2**32 that a search returns. Marks may repeat."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._words = -(-size // WORD_BYTES)
        self._segments: list[tuple[Words, NDArray[np.uint32]]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, values: bytes, marks: Sequence[int]) -> None:
        """Add values, one after the other in `values`, with a mark for each.

        Raises:
            ValueError: there is not one mark for each value.
        """
        words, numbers = self._parse(values), np.asarray(marks, np.uint32)
        if words.shape[1] != len(numbers):
            raise ValueError(f"{len(numbers)} marks for {words.shape[1]} values")
        done = 0
        while done < len(numbers):
            segment, place = divmod(self._count, SEGMENT)
            if segment == len(self._segments):
                self._segments.append((np.empty((self._words, SEGMENT), np.uint64), np.empty(SEGMENT, np.uint32)))
            some = min(SEGMENT - place, len(numbers) - done)
            self._segments[segment][0][:, place : place + some] = words[:, done : done + some]
            self._segments[segment][1][place : place + some] = numbers[done : done + some]
            done += some
            self._count += some

    def near_each(self, values: Sequence[bytes], radius: int) -> Iterator[tuple[list[int], list[int]]]:
        """What lies within `radius` bits of each value, in pieces: numbers of values, each with the mark of a near one.

        A pair may come more than once.
        """
        queries = self._parse(b"".join(values))
        # Few are compared with all: putting segments together would cost as much as that.
        for words, marks in self._pages() if len(values) >= LEAST_QUERIES else self._filled():
            for numbers, rows, _ in pairs(words, queries, radius):
                if len(numbers):
                    yield numbers.tolist(), marks[rows].tolist()

    def _filled(self) -> list[tuple[Words, NDArray[np.uint32]]]:
        """The segments without what is still empty of the last."""
        full, rest = divmod(self._count, SEGMENT)
        filled = self._segments[:full]
        return [*filled, *((words[:, :rest], marks[:rest]) for words, marks in self._segments[full : full + 1] if rest)]

    def _pages(self) -> Iterator[tuple[Words, NDArray[np.uint32]]]:
        filled = self._filled()
        for start in range(0, len(filled), PAGE):
            page = filled[start : start + PAGE]
            yield np.concatenate([words for words, _ in page], axis=1), np.concatenate([marks for _, marks in page])

    def _parse(self, values: bytes) -> Words:
        """(words of a value, number of values); the bits of a value that fills no word stand at the word's end."""
        count, rest = divmod(len(values), self.size)
        if rest:
            raise ValueError(f"{len(values)} bytes are no values of {self.size}")
        padded = np.zeros((count, self._words * WORD_BYTES), np.uint8)
        padded[:, -self.size :] = np.frombuffer(values, np.uint8).reshape(count, self.size)
        return np.ascontiguousarray(padded.view(">u8").astype(np.uint64).T)

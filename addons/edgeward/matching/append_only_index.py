"""Values of millions of images in little memory, searched exactly: 10 million of 256 bits take 360 MB.

There is no object per value: values and their ids lie in arrays, segment after segment, so that growing copies nothing.
Values are only added. One thread may add while others search: a search sees the values that were there when it began.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeward.matching.batch_search import MIN_QUERIES, near_pairs
from edgeward.matching.linear_scan import Words

SEGMENT_ROWS = 1 << 16
SEGMENTS_PER_SCAN = 16
"""Segments that many queries are compared with together: about a million values."""
WORD_BYTES = 8


class AppendOnlyIndex:
    """Values of `size` bytes, each with an id: a number below 2**32 that a search returns. Ids may repeat."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._words = -(-size // WORD_BYTES)
        self._segments: list[tuple[Words, NDArray[np.uint32]]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, values: bytes, ids: Sequence[int]) -> None:
        """Add `values`, concatenated, with one id for each.

        Raises:
            ValueError: the number of ids is not the number of values.
        """
        words, numbers = self._parse(values), np.asarray(ids, np.uint32)
        if words.shape[1] != len(numbers):
            raise ValueError(f"{len(numbers)} ids for {words.shape[1]} values")
        done = 0
        while done < len(numbers):
            segment, row = divmod(self._count, SEGMENT_ROWS)
            if segment == len(self._segments):
                rows = np.empty((self._words, SEGMENT_ROWS), np.uint64)
                self._segments.append((rows, np.empty(SEGMENT_ROWS, np.uint32)))
            some = min(SEGMENT_ROWS - row, len(numbers) - done)
            self._segments[segment][0][:, row : row + some] = words[:, done : done + some]
            self._segments[segment][1][row : row + some] = numbers[done : done + some]
            done += some
            self._count += some  # last: a search in another thread reads no row beyond the count

    def near_each(self, values: Sequence[bytes], radius: int) -> Iterator[tuple[list[int], list[int]]]:
        """The values within `radius` bits of each query, in pieces: (positions in `values`, ids), of equal length.

        A pair may come more than once.
        """
        queries = self._parse(b"".join(values))
        # A few queries are compared with each segment as it is: joining segments would cost as much as the comparison.
        for words, ids in self._joined() if len(values) >= MIN_QUERIES else self._filled():
            for numbers, rows, _ in near_pairs(words, queries, radius):
                if len(numbers):
                    yield numbers.tolist(), ids[rows].tolist()

    def pieces(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint32]]]:
        """All values, an array of (values, bytes of a value), and their ids; SEGMENT_ROWS at a time."""
        for words, ids in self._filled():
            yield np.ascontiguousarray(words.T, ">u8").view(np.uint8)[:, -self.size :], ids

    def _filled(self) -> list[tuple[Words, NDArray[np.uint32]]]:
        """The segments, the last one without its empty rows."""
        full, rest = divmod(self._count, SEGMENT_ROWS)
        filled = self._segments[:full]
        return [*filled, *((words[:, :rest], ids[:rest]) for words, ids in self._segments[full : full + 1] if rest)]

    def _joined(self) -> Iterator[tuple[Words, NDArray[np.uint32]]]:
        """The segments, SEGMENTS_PER_SCAN of them joined into one: sorting by bands pays off on many rows."""
        filled = self._filled()
        for start in range(0, len(filled), SEGMENTS_PER_SCAN):
            some = filled[start : start + SEGMENTS_PER_SCAN]
            yield np.concatenate([words for words, _ in some], axis=1), np.concatenate([ids for _, ids in some])

    def _parse(self, values: bytes) -> Words:
        """(words of a value, number of values). A value that fills no whole number of words is padded in front."""
        count, rest = divmod(len(values), self.size)
        if rest:
            raise ValueError(f"{len(values)} bytes are not a multiple of {self.size}")
        padded = np.zeros((count, self._words * WORD_BYTES), np.uint8)
        padded[:, -self.size :] = np.frombuffer(values, np.uint8).reshape(count, self.size)
        return np.ascontiguousarray(padded.view(">u8").astype(np.uint64).T)


def count_distinct(ids: bytes, size: int) -> int:
    """How many different ids of `size` bytes, a multiple of 8, are in `ids`, by their first 8 bytes: digests."""
    words = np.frombuffer(ids, np.uint64)[:: size // WORD_BYTES]
    return len(np.unique(words))

"""The values of an index as they were last sorted by their bands, and which of them have changed since."""

from collections.abc import Sequence
from threading import Thread

import numpy as np

from edgeward.matching.bands import BANDS_IN_WORD, Band
from edgeward.matching.linear_scan import Indices, Words


class SortedBands:
    """The first `count` rows of an index, sorted by each of `bands`. `bands` is empty until the sorting is done."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self.bands: Sequence[Band] = ()
        self._changed: set[int] = set()

    def note_change(self, row: int) -> None:
        """Record that `row` was written after the sorting began."""
        if row < self.count:
            self._changed.add(row)

    def changed(self, count: int) -> Indices:
        """The sorted rows among the first `count` that were written after the sorting began."""
        return np.array([row for row in self._changed if row < count], np.int64)

    def unsorted(self, count: int) -> int:
        """How many of `count` rows a search must compare one by one."""
        return max(0, count - self.count) + len(self._changed)


class BandRebuild(Thread):
    """Sorts the first `count` rows in a thread. Meanwhile the caller may write any row, and notes which.

    A row that is read while it is written is among the noted ones, so a torn read does no harm.
    """

    def __init__(self, words: Words, count: int) -> None:
        super().__init__(name="sort", daemon=True)
        self.result = SortedBands(count)
        self._words = words[:, :count]

    def run(self) -> None:
        self.result.bands = [Band(self._words, number) for number in range(len(self._words) * BANDS_IN_WORD)]

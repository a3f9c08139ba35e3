"""The values of an index as they were sorted last, and what has been written since."""

from collections.abc import Sequence
from threading import Thread

import numpy as np

from edgeward.matching.bands import BANDS_IN_WORD, Band
from edgeward.matching.scan import Numbers, Words


class Sorted:
    """`count` rows, sorted by each of `bands`; none where nothing has been sorted yet."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self.bands: Sequence[Band] = ()
        self._written: set[int] = set()

    def note(self, row: int) -> None:
        """The row was written since the sorting began."""
        if row < self.count:
            self._written.add(row)

    def written(self, count: int) -> Numbers:
        """The sorted rows among the first `count` that were written since."""
        return np.array([row for row in self._written if row < count], np.int64)

    def unsorted(self, count: int) -> int:
        """How many of `count` rows have to be compared one by one."""
        return max(0, count - self.count) + len(self._written)


class Sorting(Thread):
    """Sorts the first `count` rows beside its caller, who may write others and these meanwhile, and notes which.

    A row that is read as it is being written is among those that are noted.
    """

    def __init__(self, words: Words, count: int) -> None:
        super().__init__(name="sort", daemon=True)
        self.made = Sorted(count)
        self._words = words[:, :count]

    def run(self) -> None:
        self.made.bands = [Band(self._words, number) for number in range(len(self._words) * BANDS_IN_WORD)]

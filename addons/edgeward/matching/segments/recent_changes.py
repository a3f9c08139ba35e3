"""Changes that are in no segment yet: values added and removed since the version of the manifest."""

from collections.abc import Iterator

import numpy as np

from edgeward.matching.segments.row_scan import scan_rows
from edgeward.matching.segments.segment_rows import Changes, Metric, Numbers, Refs, Rows, Values, words_of

_INITIAL_CAPACITY = 64


class RecentChanges:
    """Changes in the order they were made, each a row. The last change of a value is the one that counts.

    Rows are only added, so that a search that has begun goes on with the rows that there were.
    """

    def __init__(self, size: int) -> None:
        """`size`: bytes of a value."""
        self._size = size
        self._values: Values = np.zeros((_INITIAL_CAPACITY, size), np.uint8)
        self._refs: Refs = np.zeros(_INITIAL_CAPACITY, np.uint64)
        self._versions = np.zeros(_INITIAL_CAPACITY, np.int64)
        self._adds = np.zeros(_INITIAL_CAPACITY, np.bool_)
        """Whether a row adds its value, and no later one changes that."""
        self._count = 0
        self._rows: dict[bytes, int] = {}

    def __len__(self) -> int:
        """Number of values that were changed."""
        return len(self._rows)

    @property
    def added(self) -> int:
        """Number of values that are added."""
        return int(np.count_nonzero(self._adds[: self._count]))

    @property
    def rows(self) -> int:
        """Number of changes, also those that later ones replaced."""
        return self._count

    def append(self, version: int, changes: Changes) -> None:
        """Note changes that were made in `version` of the lists."""
        number = len(changes.refs)
        self._grow(self._count + number)
        first, end = self._count, self._count + number
        self._values[first:end], self._refs[first:end] = changes.values, changes.refs
        self._versions[first:end], self._adds[first:end] = version, ~changes.removed
        text = changes.values.tobytes()
        for row in range(number):
            value = text[row * self._size : (row + 1) * self._size]
            before = self._rows.get(value)
            if before is not None:
                self._adds[before] = False
            self._rows[value] = first + row
        self._count = end  # last: a search sees whole rows

    def near(self, values: Values, radius: int, metric: Metric) -> Iterator[tuple[Numbers, Refs, Numbers]]:
        """The added values within the radius of each of `values`: positions, references, distances; in pieces.

        What is changed meanwhile is found too, so that a value whose reference is replaced is never missed.
        """
        queries, done = words_of(values), 0
        while done < (end := self._count):
            rows = words_of(self._values[done:end])
            for numbers, found, distances in scan_rows(rows, queries, radius, metric):
                there = self._adds[found + done]
                yield numbers[there], self._refs[done:][found[there]], distances[there]
            done = end

    def equal(self, values: Values) -> tuple[Numbers, Refs]:
        """The added values that are equal to one of `values`: positions and references."""
        text = np.ascontiguousarray(values).tobytes()
        looked_up = [self._rows.get(text[start : start + self._size], -1) for start in range(0, len(text), self._size)]
        rows = np.array(looked_up, np.int64)
        numbers = np.flatnonzero((rows >= 0) & self._adds[rows])
        return numbers, self._refs[rows[numbers]]

    def since(self, version: int, first: int, most: int) -> tuple[Iterator[tuple[int, Changes]], int]:
        """At most `most` changes from row `first` on, those after `version` alone, by version; and the next row."""
        end = min(first + most, self._count)
        rows = first + np.flatnonzero(self._versions[first:end] > version)
        return self._by_version(rows), end

    def _by_version(self, rows: Numbers) -> Iterator[tuple[int, Changes]]:
        versions = self._versions[rows]
        for part in np.split(rows, np.flatnonzero(np.diff(versions)) + 1):
            if len(part):
                # One that a later change replaced is as good as removed.
                yield int(self._versions[part[0]]), Changes(self._values[part], self._refs[part], ~self._adds[part])

    def added_rows(self) -> Rows:
        """A copy of the added values with their references."""
        rows = np.flatnonzero(self._adds[: self._count])
        return Rows(self._values[rows], self._refs[rows])

    def _grow(self, wanted: int) -> None:
        capacity = len(self._refs)
        if wanted <= capacity:
            return
        more = max(wanted, 2 * capacity) - capacity
        self._values = np.concatenate((self._values, np.zeros((more, self._size), np.uint8)))
        self._refs = np.concatenate((self._refs, np.zeros(more, np.uint64)))
        self._versions = np.concatenate((self._versions, np.zeros(more, np.int64)))
        self._adds = np.concatenate((self._adds, np.zeros(more, np.bool_)))

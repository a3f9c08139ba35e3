"""Which rows of a segment are removed: one bit each. Read from a file in place until the first change, then private."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeward.errors import DamagedSegment
from edgeward.matching.segments.segment_file import Section, SegmentFile, new_file
from edgeward.matching.segments.segment_rows import Numbers

_BITS = np.array([1 << bit for bit in range(8)], np.uint8)


class RemovedRows:
    """Removed rows among `rows` rows.

    Attributes:
        count: how many are removed.
        changed: whether any was removed since this was read or made.
    """

    def __init__(self, rows: int, file: SegmentFile | None = None) -> None:
        """None removed, or those of a file.

        Raises:
            DamagedSegment: the file is of another number of rows.
        """
        self.count = 0
        self.changed = False
        self._rows = rows
        self._bits: NDArray[np.uint8] | None = None
        if file is not None:
            if file.facts.get("rows") != rows:
                raise DamagedSegment(f"{file.path}: it is of {file.facts.get('rows')} rows instead of {rows}")
            self.count, self._bits = file.facts["count"], file.arrays["bits"]

    def copy(self) -> "RemovedRows":
        """The same rows, apart from later changes."""
        copy = RemovedRows(self._rows)
        copy.count, copy.changed = self.count, self.changed
        copy._bits = None if self._bits is None else self._bits.copy()
        return copy

    def add(self, rows: Numbers) -> None:
        """Remove rows; some may be removed already, or come twice."""
        new = np.unique(rows[self.without(rows)])
        if not len(new):
            return
        if self._bits is None:
            self._bits = np.zeros(-(-self._rows // 8), np.uint8)
        elif not self._bits.flags.writeable:
            self._bits = self._bits.copy()
        np.bitwise_or.at(self._bits, new >> 3, _BITS[new & 7])
        self.count += len(new)
        self.changed = True

    def without(self, rows: Numbers) -> NDArray[np.bool_]:
        """Whether each of these rows is not removed."""
        if self._bits is None:
            return np.ones(len(rows), np.bool_)
        there: NDArray[np.bool_] = (self._bits[rows >> 3] & _BITS[rows & 7]) == 0
        return there

    def write(self, path: Path) -> Iterator[None]:
        """Write them to a file, in steps."""
        bits = np.zeros(-(-self._rows // 8), np.uint8) if self._bits is None else self._bits
        facts = {"rows": self._rows, "count": self.count}
        with new_file(path, facts, {"bits": Section("|u1", bits.shape)}) as writer:
            writer.arrays["bits"][:] = bits
            yield from writer.finish()

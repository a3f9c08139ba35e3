"""Removed rows against a set."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.errors import DamagedSegment
from edgeward.matching.segments.removed_rows import RemovedRows
from edgeward.matching.segments.segment_file import SegmentFile


@given(st.lists(st.lists(st.integers(0, 20), max_size=9), max_size=5))
def test_any_rows(parts: list[list[int]]) -> None:
    """Repeated or not, those that were removed are, and are counted once."""
    removed, wanted = RemovedRows(21), set[int]()
    for part in parts:
        removed.add(np.array(part, np.int64))
        wanted |= set(part)
    assert np.flatnonzero(~removed.without(np.arange(21))).tolist() == sorted(wanted)
    assert removed.count == len(wanted)
    assert removed.changed == bool(wanted)


def test_a_file_holds_them(tmp_path: Path) -> None:
    """What is read back is changed privately, and so is a copy."""
    first = RemovedRows(100)
    list(first.write(tmp_path / "none"))
    assert RemovedRows(100, SegmentFile(tmp_path / "none")).count == 0
    first.add(np.array([3, 99]))
    list(first.write(tmp_path / "two"))
    read = RemovedRows(100, SegmentFile(tmp_path / "two"))
    assert (read.count, read.changed) == (2, False)
    copy = read.copy()
    read.add(np.array([50, 99]))
    for removed, rows in (
        (read, [3, 50, 99]),
        (copy, [3, 99]),
        (RemovedRows(100, SegmentFile(tmp_path / "two")), [3, 99]),
    ):
        assert np.flatnonzero(~removed.without(np.arange(100))).tolist() == rows


def test_a_file_of_other_rows_is_refused(tmp_path: Path) -> None:
    """It belongs to another segment."""
    list(RemovedRows(100).write(tmp_path / "a"))
    with pytest.raises(DamagedSegment, match="of 100 rows instead of 99"):
        RemovedRows(99, SegmentFile(tmp_path / "a"))

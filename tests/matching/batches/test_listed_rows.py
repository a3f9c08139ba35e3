"""A bit for each row."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.listed_rows import ListedRows, compressed_bits, has_bit, read_bits

ROWS = {"a": 13, "none": 0, "b": 16, "c": 1}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(ROWS)), st.integers(-1, 17)), max_size=20))
def test_rows_are_switched_off_one_by_one(removed: list[tuple[str, int]]) -> None:
    """What is on is all rows but those that were switched off, also when counted or listed between any two rows."""
    listed, model = ListedRows(ROWS), {name: set(range(count)) for name, count in ROWS.items()}
    for name, count in ROWS.items():
        listed.set_all(name)
        assert np.flatnonzero(np.unpackbits(listed.of(name))).tolist() == list(range(count))
    for name, row in removed:
        assert listed.switch_off(name, row) == (row in model[name])
        model[name].discard(row)
    for name, count in ROWS.items():
        assert [row for row in range(-2, 20) if listed.is_on(name, row)] == sorted(model[name])
        for first in range(count + 1):
            for stop in range(first, count + 1):
                within = sorted(row for row in model[name] if first <= row < stop)
                assert listed.count(name, first, stop) == len(within)
                assert listed.numbers(name, first, stop).tolist() == within
        places = np.arange(count) + listed.bases[name]
        assert np.flatnonzero(listed.at(places)).tolist() == sorted(model[name])


def test_what_is_unknown_is_off() -> None:
    """A row of an unknown batch is not on, and can be switched off in vain."""
    listed = ListedRows(ROWS)
    assert not listed.is_on("x", 0)
    assert not listed.switch_off("x", 0)


def test_bits_are_taken_over_by_batch() -> None:
    """A batch keeps its rows when others come and go."""
    before, after = ListedRows({"a": 13, "b": 9}), ListedRows({"new": 100, "b": 9})
    before.set_all("b")
    before.switch_off("b", 3)
    after.copy_from(before)
    assert after.numbers("b", 0, 9).tolist() == [0, 1, 2, 4, 5, 6, 7, 8]
    assert not after.count("new", 0, 100)


def test_masks_are_stored_compressed() -> None:
    """A mask is read as it was written."""
    rows = np.array([True, False, True, False, False, False, False, False, False, True])
    bits = read_bits(compressed_bits(rows), len(rows))
    assert [has_bit(bits, row) for row in range(len(rows))] == rows.tolist()


@pytest.mark.parametrize("bits", [None, b"\xff", b"\x00\x20", bytes(3), bytes(1 << 20)])
def test_masks_of_others_are_refused(bits: bytes | None) -> None:
    """What is no mask, or one of another number of rows, is an error."""
    with pytest.raises(DamagedSegment, match="mask"):
        read_bits(b"x" if bits is None else zlib.compress(bits), 10)

"""Batches as records, and the names of their data."""

from dataclasses import replace

import pytest

from edgeward.errors import LaterRelease
from edgeward.types import Batch, Part, RowRef, entry_id
from edgeward.types.batches import fields_of
from edgeward.types.signals import Signal

BATCH = Batch(
    "b1",
    "ncii",
    "ana",
    1.5,
    "daily list",
    "job-1",
    (Part("md5", 16, 0, 3, 0), Part("pdq", 32, 3, 5, 1)),
    adds={"b0": 2},
    removes={"a9": 1},
)


def test_a_batch_is_read_as_it_was_written() -> None:
    """With the version and the undo, which the store keeps beside it."""
    read = Batch.from_json(BATCH.to_json(), 7, undone_version=9)
    assert read == replace(BATCH, version=7, undone=True, undone_version=9)
    assert (BATCH.rows, BATCH.as_of(7).version) == (8, 7)


def test_a_batch_of_a_later_release_is_not_read() -> None:
    """It might do what this release does not know."""
    with pytest.raises(LaterRelease):
        Batch.from_json(BATCH.to_json()[:-1] + ',"needs":99}')


@pytest.mark.parametrize("text", ["[]", "{}", '{"id":"b"}', "x", BATCH.to_json().replace("[[", "[7,[")])
def test_a_damaged_batch_is_not_read(text: str) -> None:
    """Each damage is one of the errors that readers of records expect."""
    with pytest.raises((KeyError, ValueError, TypeError, AttributeError)):
        Batch.from_json(text)


def test_rows_are_found_by_their_numbers() -> None:
    """Numbers go on through the parts."""
    assert [BATCH.part_of(row).type for row in (0, 2, 3, 7)] == ["md5", "md5", "pdq", "pdq"]
    with pytest.raises(IndexError, match="no row 8"):
        BATCH.part_of(8)
    assert BATCH.part_for("pdq", 32) == BATCH.parts[1]
    assert BATCH.part_for("pdq", 16) is None


@pytest.mark.parametrize("bits", [0, 1, 3, 10])
def test_an_entry_has_one_bucket(bits: int) -> None:
    """It is the first bits of its id; without bits there is one bucket."""
    part = Part("md5", 16, 0, 1, bits)
    for number in range(50):
        id_ = entry_id("ncii", Signal("md5", f"{number:032x}"))
        assert part.bucket_of(id_) == int(bin(int("1" + id_, 16))[3 : 3 + bits] or "0", 2)
        assert 0 <= part.bucket_of(id_) < part.buckets


def test_the_names_of_data_are_in_order() -> None:
    """First the counts, then the rows bucket by bucket, then the masks."""
    names = ["counts:0", "counts:1", "rows:0:0", "rows:1:0", "rows:1:1", "adds:b0", "removes:a9"]
    assert fields_of(BATCH) == names


def test_a_row_has_a_text() -> None:
    """It is read back; what is none is an error."""
    assert RowRef.parse(str(RowRef("b1", 12))) == RowRef("b1", 12)
    with pytest.raises(ValueError, match="invalid literal"):
        RowRef.parse("b1")

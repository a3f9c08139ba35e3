"""The rows of a bucket as bytes."""

import random
import struct
import zlib

import pytest

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.packed_rows import PackedRows, Row, bucket_bits, pack
from edgeward.types import Batch, Entry, Part, Signal

chance = random.Random(1)
PDQ, MD5 = Part("pdq", 32, 0, 9, 0), Part("md5", 16, 0, 9, 0)
BATCH = Batch("b", "a", "me", 5.0, "of all", "act")


def test_rows_are_read_as_they_were_packed() -> None:
    """Values, qualities, and what sources say; a row without a reason has that of the batch."""
    rows = [
        Row(chance.randbytes(32), 90, "reason", "id", ("one", "two")),
        Row(chance.randbytes(32), 0),
        Row(chance.randbytes(32), None, "", 'é"\n', ("",)),
    ]
    packed = PackedRows(pack(rows, 32), PDQ)
    assert [packed.row(number) for number in range(len(packed))] == rows
    assert [value.tobytes() for value in packed.values] == [row.value for row in rows]
    assert [packed.signal(number).quality for number in range(3)] == [90, 0, None]
    assert packed.entry(0, BATCH) == Entry(
        "a", Signal("pdq", rows[0].value.hex(), 90), "reason", "me", 5.0, "act", "id", ("one", "two")
    )
    assert packed.entry(1, BATCH).reason == "of all"


def test_little_is_stored_of_plain_rows() -> None:
    """A row without details takes its value alone; equal details of many rows take next to nothing."""
    values = [chance.randbytes(16) for _ in range(500)]
    assert len(pack([Row(value) for value in values], 16)) < 500 * 16 + 20
    same = [Row(value, None, "the reason of all of them", "", ("tag",)) for value in values]
    assert len(pack(same, 16)) < 500 * 16 + 200
    assert PackedRows(pack([Row(values[0])], 16), MD5).row(0) == Row(values[0])


def test_buckets_hold_about_a_thousand_rows() -> None:
    """More rows have more bits of their ids as the number of the bucket."""
    assert [bucket_bits(rows) for rows in (0, 1, 999, 1000, 1999, 2000, 10**6, 10**7)] == [0, 0, 0, 1, 1, 2, 10, 14]


@pytest.mark.parametrize("details", [b"x", zlib.compress(b"["), zlib.compress(b"[]"), zlib.compress(b'{"tags":[1]}')])
def test_damaged_details(details: bytes) -> None:
    """What can't be read, or is of another number of rows, is an error; values can be read all the same."""
    packed = PackedRows(pack([Row(bytes(16)), Row(b"1" * 16)], 16) + details, MD5)
    assert packed.signal(1) == Signal("md5", "31" * 16)
    with pytest.raises(DamagedSegment, match="what sources say of rows"):
        packed.row(1)


def test_damaged_rows() -> None:
    """Rows that are cut short, of another format or of another length of values are errors."""
    whole = pack([Row(bytes(16), 5), Row(b"1" * 16, 6)], 16)
    for damaged in (b"", whole[:5], whole[:30], whole[: len(whole) - 1], b"\x02" + whole[1:]):
        with pytest.raises(DamagedSegment, match="rows of a batch are"):
            PackedRows(damaged, MD5)
    for wrong in (whole, struct.pack("<BBHI", 1, 0, 32, 1 << 21)):
        with pytest.raises(DamagedSegment, match="rows of a batch are of format 1"):
            PackedRows(wrong, PDQ)

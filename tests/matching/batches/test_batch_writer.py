"""The data of a new batch."""

import random

import numpy as np
import pytest
from tests.matching.batches.examples import entries
from tests.support.batches import as_row

from edgeward.matching.batches.batch_writer import BatchWriter, PartPlan, mask_data
from edgeward.matching.batches.listed_rows import has_bit, read_bits
from edgeward.matching.batches.packed_rows import PackedRows
from edgeward.types.batches import counts_field, row_field

chance = random.Random(3)


def test_rows_lie_in_the_buckets_of_their_ids() -> None:
    """Rows come out in buckets by their ids, of a number chosen by how many rows there may be; parts count on."""
    listed = sorted(entries(3000, chance), key=lambda entry: entry.id)
    writer, data = BatchWriter("a"), dict[str, bytes]()
    for signal_type, size, own in (("pdq", 32, listed), ("md5", 16, [])):
        writer.open_part(PartPlan(signal_type, size, 9000))
        data |= writer.add(map(as_row, own[:1700]))
        data |= writer.add(map(as_row, own[1700:]))
        data |= writer.close_part()
    writer.open_part(PartPlan("phash", 8, 1))
    data |= writer.add(map(as_row, entries(1, chance, "phash")))
    data |= writer.close_part()
    data |= writer.counts()
    pdq, phash = writer.parts
    assert (pdq.first, pdq.rows, pdq.bucket_bits) == (0, 3000, 4)
    assert (phash.first, phash.rows, phash.bucket_bits, writer.rows) == (3000, 1, 0, 3001)
    counts = np.frombuffer(data[counts_field(0)], "<u4").tolist()
    buckets = [PackedRows(data[row_field(0, bucket)], pdq) for bucket in range(16)]
    assert [len(bucket) for bucket in buckets] == counts
    values = [bucket.signal(row).value for bucket in buckets for row in range(len(bucket))]
    assert values == [entry.signal.value for entry in listed]
    assert all(pdq.bucket_of(entry.id) == int(entry.id[0], 16) for entry in listed)


def test_rows_out_of_order_are_refused() -> None:
    """A row whose id is not after the last, or whose value has another length, is an error."""
    first, second = sorted(entries(2, chance), key=lambda entry: entry.id)
    for wrong in ([second, first], [first, first], entries(1, chance, "md5")):
        writer = BatchWriter("a")
        writer.open_part(PartPlan("pdq", 32, 2))
        with pytest.raises(ValueError, match=r"order of their ids|16 bytes instead of 32"):
            writer.add(map(as_row, wrong))


def test_parts_are_open_one_at_a_time() -> None:
    """A part is opened, then closed."""
    writer = BatchWriter("a")
    with pytest.raises(ValueError, match="no part is open"):
        writer.add([])
    with pytest.raises(ValueError, match="no part is open"):
        writer.close_part()
    writer.open_part(PartPlan("pdq", 32, 2))
    with pytest.raises(ValueError, match="a part is open already"):
        writer.open_part(PartPlan("pdq", 32, 2))


def test_masks_are_data() -> None:
    """Masks have the names of what they do and of the batch that they change."""
    mask = np.array([False, True, False])
    data = dict(mask_data({"x": mask}, {"y": ~mask}))
    assert list(data) == ["adds:x", "removes:y"]
    assert [has_bit(read_bits(data["adds:x"], 3), row) for row in range(3)] == [False, True, False]
    assert [has_bit(read_bits(data["removes:y"], 3), row) for row in range(3)] == [True, False, True]

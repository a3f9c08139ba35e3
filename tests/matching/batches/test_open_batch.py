"""A batch whose files are open."""

import random
from pathlib import Path

import numpy as np
import pytest
from tests.matching.batches.examples import entries
from tests.support.batches import written_batch

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.open_batch import RecentlyUsed, read_counts
from edgeward.types import Part

chance = random.Random(2)


def test_rows_are_found_by_number_and_by_id(tmp_path: Path) -> None:
    """Each row of each part lies in one bucket, in the order of ids; ids that no row has are found nowhere."""
    files = BatchFiles(tmp_path)
    some = [*entries(2500, chance), *entries(30, chance, "md5")]
    batch = written_batch(files, some)
    opened = files.open(batch)
    ids = []
    for row in range(0, batch.rows, 7):
        place = opened.place_of(row)
        part = opened.parts[place.part]
        found = place.rows.entry(place.number, batch)
        ids.append((place.part, found.id))
        assert opened.find("a", found.id) == row
        bucket = part.bucket_of(found.id)
        first, stop = opened.bounds(place.part, bucket)
        assert first <= row < stop
        assert opened.edges(place.part)[bucket : bucket + 2].tolist() == [first, stop]
    assert ids == sorted(ids)
    for unknown in ("0" * 20, "f" * 20, "x", entries(1, chance)[0].id):
        assert opened.find("a", unknown) is None
    for row in (-1, batch.rows):
        with pytest.raises(IndexError, match="has no row"):
            opened.place_of(row)


def test_masks_are_of_the_batch_that_they_change(tmp_path: Path) -> None:
    """A mask is read with the number of rows of the other batch; another number is an error that names the file."""
    files = BatchFiles(tmp_path)
    old = written_batch(files, entries(20, chance))
    opened = files.open(written_batch(files, entries(3, chance), adds=[(old, [0, 9])], removes=[(old, [19])]))
    assert np.flatnonzero(np.unpackbits(opened.adds(old.id, 20))).tolist() == [0, 9]
    assert np.flatnonzero(np.unpackbits(opened.removes(old.id, 20))).tolist() == [19]
    with pytest.raises(DamagedSegment, match=rf"{opened.id}\.sqlite: adds:{old.id}: a mask is not of 30 rows"):
        opened.adds(old.id, 30)


def test_counts_are_those_of_the_part() -> None:
    """Counts of another number of buckets, or of rows, are an error."""
    part = Part("pdq", 32, 0, 5, 1)
    assert read_counts(np.array([2, 3], "<u4").tobytes(), part).tolist() == [2, 3]
    for counts in ([5], [2, 2], [1, 2, 2]):
        with pytest.raises(DamagedSegment, match=r"counts of"):
            read_counts(np.array(counts, "<u4").tobytes(), part)


def test_the_least_recently_used_is_dropped() -> None:
    """A value is made once while it is in use."""
    made: list[int] = []
    recent = RecentlyUsed[int](2)

    def make(key: int) -> int:
        made.append(key)
        return key * 10

    assert [recent.get(key, lambda key=key: make(key)) for key in (1, 2, 1, 3, 1, 2)] == [10, 20, 10, 30, 10, 20]  # type: ignore[misc]
    assert made == [1, 2, 3, 2]

"""Sorting into buckets, against a stable sort of all at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.matching.segments import bucket_sort as module
from edgeward.matching.segments.bucket_sort import bucket_sort
from edgeward.matching.segments.segment_rows import Numbers


@given(st.lists(st.integers(0, 15), max_size=60), st.integers(1, 70))
def test_any_buckets_in_any_chunks(buckets: list[int], chunk: int) -> None:
    """The rows of each bucket are where the table says, in their order; empty and crowded buckets too."""
    of_rows = np.array(buckets, np.uint64)
    table, order, steps = np.full(17, 99, np.uint32), np.full(len(buckets), 99, np.int64), 0

    def place(places: Numbers, rows: Numbers) -> None:
        assert (np.diff(places) > 0).all(), "not in ascending order"
        order[places] = rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_ROWS", chunk)
        for _ in bucket_sort(len(buckets), lambda start, stop: of_rows[start:stop].copy(), table, place):
            steps += 1
    assert order.tolist() == np.argsort(of_rows, kind="stable").tolist()
    assert table.tolist() == np.searchsorted(np.sort(of_rows), range(17)).tolist()
    assert steps == 2 * -(-len(buckets) // chunk)

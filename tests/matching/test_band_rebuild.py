"""Which rows are sorted by their bands, and which have changed since."""

import numpy as np

from edgeward.matching.band_rebuild import BandRebuild, SortedBands


def test_knows_which_rows_changed_since() -> None:
    """Rows written after the sorting, and rows beyond the sorted ones, count as unsorted."""
    one = SortedBands(10)
    for row in (3, 9, 3, 10, 50):
        one.note_change(row)
    assert sorted(one.changed(60).tolist()) == [3, 9]
    assert one.changed(5).tolist() == [3]
    assert [one.unsorted(count) for count in (8, 10, 14)] == [2, 2, 6]


def test_sorts_in_a_thread() -> None:
    """Every band of the rows is sorted when the thread has ended."""
    rebuild = BandRebuild(np.arange(400, dtype=np.uint64).reshape(4, 100), 60)
    rebuild.start()
    rebuild.join()
    assert rebuild.result.count == 60
    assert [band.number for band in rebuild.result.bands] == list(range(16))
    query = np.array([[3], [103], [203], [303]], np.uint64)
    assert [rows.tolist() for _, rows in rebuild.result.bands[0].candidates(query, 0)] == [[3]]

"""What was sorted, and what has been written since."""

import numpy as np

from edgeward.matching.sorting import Sorted, Sorting


def test_knows_what_was_written_since() -> None:
    """Rows that were sorted and written again, and those behind them, have to be compared one by one."""
    one = Sorted(10)
    for row in (3, 9, 3, 10, 50):
        one.note(row)
    assert sorted(one.written(60).tolist()) == [3, 9]
    assert one.written(5).tolist() == [3]
    assert [one.unsorted(count) for count in (8, 10, 14)] == [2, 2, 6]


def test_sorts_beside_its_caller() -> None:
    """Every band of the rows is there when the thread has ended."""
    sorting = Sorting(np.arange(400, dtype=np.uint64).reshape(4, 100), 60)
    sorting.start()
    sorting.join()
    assert sorting.made.count == 60
    assert [band.number for band in sorting.made.bands] == list(range(16))
    query = np.array([[3], [103], [203], [303]], np.uint64)
    assert [rows.tolist() for _, rows in sorting.made.bands[0].candidates(query, 0)] == [[3]]

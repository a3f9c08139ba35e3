"""Records are read one by one."""

from tests.purging.samples import metric_value

from edgeward.background.readable_records import readable


def test_one_that_cannot_be_read_stops_no_other() -> None:
    """It is left out, and counted under its kind."""
    before = metric_value("edgeward_unreadable_records_total", kind="number")
    assert readable("number", ["1", "x", "3"], int) == [1, 3]
    assert metric_value("edgeward_unreadable_records_total", kind="number") == before + 1

"""What a process says of responses that it has not judged."""

from edgeward.lists.replication.unjudged_report import UnjudgedReport


def test_a_process_without_requests_has_nothing_to_judge() -> None:
    """A controller has no journal, and reports none of others."""
    report = UnjudgedReport()
    assert (report.open_count, report.under_way, report.journal, report.taken_over) == (0, 0, "-", [])
    report.taken_over.append("of another")
    assert UnjudgedReport().taken_over == []

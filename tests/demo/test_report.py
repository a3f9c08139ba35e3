"""demo/report.py: which checks passed."""

import io

from edgeward.demo.report import Report


def test_one_failure_fails_the_whole() -> None:
    """The report is ok only if every check passed."""
    report = Report(io.StringIO())
    report.check("front", "one", True, 0.0123)
    assert report.ok
    report.check("front", "two", False, detail="HTTP 200")
    report.check("fill", "three", True)
    assert not report.ok


def test_an_empty_report_is_not_ok() -> None:
    """A report without checks is not ok."""
    assert not Report(io.StringIO()).ok


def test_the_table_shows_every_check_with_its_time() -> None:
    """The table has aligned columns for names, verdicts, milliseconds and details, and the number of passed checks."""
    report = Report(io.StringIO())
    report.check("front", "A passes", True, 0.0123, "10 bytes")
    report.check("fill", "B", False)
    lines = report.table().splitlines()
    assert lines[2].split() == ["front", "A", "passes", "ok", "12.3", "ms", "10", "bytes"]
    assert lines[3].split() == ["fill", "B", "FAIL"]
    assert lines[2].index("ok") == lines[3].index("FAIL")
    assert lines[-1].startswith("1 of 2 checks passed in ")


def test_each_check_is_printed_at_once() -> None:
    """Each check is printed when it is made, with its time."""
    progress = io.StringIO()
    report = Report(progress)
    report.check("front", "A passes", True, 0.0123, "10 bytes")
    assert progress.getvalue() == "  ok   A passes (12.3 ms, 10 bytes)\n"


def test_the_dictionary_holds_the_same() -> None:
    """The dictionary for --json has the result and every check."""
    report = Report(io.StringIO())
    report.check("front", "A", True, 0.5)
    found = report.as_dict()
    assert found["ok"] is True
    assert found["checks"] == [{"placement": "front", "name": "A", "held": True, "seconds": 0.5, "detail": ""}]

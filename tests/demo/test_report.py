"""demo/report.py: says what held."""

import io

from edgeward.demo.report import Report


def test_one_failure_fails_the_whole() -> None:
    """The report is good only if every check held."""
    report = Report(io.StringIO())
    report.check("front", "one", True, 0.0123)
    assert report.ok
    report.check("front", "two", False, detail="HTTP 200")
    report.check("fill", "three", True)
    assert not report.ok


def test_nothing_checked_is_nothing_proven() -> None:
    """An empty report is not good."""
    assert not Report(io.StringIO()).ok


def test_the_table_shows_every_check_with_its_time() -> None:
    """Names, verdicts, milliseconds and details stand in aligned columns, the sum below them."""
    report = Report(io.StringIO())
    report.check("front", "A passes", True, 0.0123, "10 bytes")
    report.check("fill", "B", False)
    lines = report.table().splitlines()
    assert lines[2].split() == ["front", "A", "passes", "ok", "12.3", "ms", "10", "bytes"]
    assert lines[3].split() == ["fill", "B", "FAIL"]
    assert lines[2].index("ok") == lines[3].index("FAIL")
    assert lines[-1].startswith("1 of 2 checks held, in ")


def test_progress_is_told_as_it_comes() -> None:
    """Each check is written at once, with what was measured."""
    progress = io.StringIO()
    report = Report(progress)
    report.check("front", "A passes", True, 0.0123, "10 bytes")
    assert progress.getvalue() == "  ok   A passes (12.3 ms, 10 bytes)\n"


def test_the_dictionary_holds_the_same() -> None:
    """For --json: whether it held, and every check."""
    report = Report(io.StringIO())
    report.check("front", "A", True, 0.5)
    found = report.as_dict()
    assert found["ok"] is True
    assert found["checks"] == [{"placement": "front", "name": "A", "held": True, "seconds": 0.5, "detail": ""}]

"""Times in options."""

import argparse
import time

import pytest

from edgeward.cli.times import future_time, unix_time


def test_times_of_the_calendar_and_ago() -> None:
    """ISO 8601, in UTC if no zone is given; or so long ago."""
    assert (
        unix_time("2026-01-01") == unix_time("2026-01-01T00:00Z") == unix_time("2026-01-01T01:00+01:00") == 1767225600
    )
    assert abs(time.time() - 7200 - unix_time("2h")) < 60
    assert abs(time.time() - 7 * 86400 - unix_time("1w")) < 60
    assert unix_time("999999999w") == 0.0


@pytest.mark.parametrize("text", ["", "h", "2 h", "-2h", "2y", "yesterday", "2026-13-01", "1767225600"])
def test_anything_else_is_refused(text: str) -> None:
    """The message shows what is right."""
    with pytest.raises(argparse.ArgumentTypeError, match="is not a time, such as 2h"):
        unix_time(text)


def test_a_time_to_come() -> None:
    """So long from now, or ISO 8601."""
    assert future_time("2026-01-01") == 1767225600
    assert abs(time.time() + 30 * 86400 - future_time("30d")) < 60
    with pytest.raises(argparse.ArgumentTypeError, match="is not a time"):
        future_time("never")

"""What an acknowledgement covers."""

import argparse
from typing import Any

import pytest

from edgeward.cli.waiting import add_wait, status_of, wait_query, wait_seconds
from edgeward.errors import Exit

ACTIVE: dict[str, Any] = {"active": True, "waiting_for": []}


def _parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_wait(parser)
    return parser.parse_args(argv)


def test_nothing_is_asked_for_without_wait() -> None:
    """A timeout alone does not make a command wait."""
    args = _parsed("--timeout", "5")
    assert (wait_query(args), wait_seconds(args)) == ({}, 0)


def test_wait_asks_and_leaves_time_for_it() -> None:
    """The answer may take as long as the command is to wait."""
    args = _parsed("--wait", "--timeout", "5")
    assert (wait_query(args), wait_seconds(args)) == ({"wait": "verified", "timeout": 5.0}, 5)


@pytest.mark.parametrize("seconds", ["0", "-1", "601", "nan", "soon"])
def test_an_impossible_timeout_is_refused(seconds: str) -> None:
    """A timeout is a number of seconds that the API takes."""
    with pytest.raises(argparse.ArgumentError):
        _parsed("--timeout", seconds)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ({"active": False, "waiting_for": ["proxy-1", "proxy-2"]}, "proxy-1, proxy-2"),
        ({**ACTIVE, "purge": {"orders": 0, "owed": {}, "matched": False}}, "not yet matched"),
        ({**ACTIVE, "purge": {"orders": 3, "owed": {"nginx-1": 2}, "matched": True}}, "nginx-1 still owes 2"),
    ],
)
def test_what_is_missing_is_named(answer: dict[str, Any], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything that is not yet in force is said, and the status is 1."""
    assert status_of(answer) is Exit.FOUND
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("answer", [ACTIVE, {**ACTIVE, "purge": {"orders": 3, "owed": {}, "matched": True}}])
def test_all_in_force_is_silent(answer: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing missing: status 0 and nothing said."""
    assert status_of(answer) is Exit.DONE
    assert capsys.readouterr().err == ""

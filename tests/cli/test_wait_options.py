"""--wait and --timeout, and the exit status of a change."""

import argparse
from typing import Any

import pytest

from edgeward.cli.wait_options import add_wait, not_removed, status_of, wait_query, wait_seconds
from edgeward.errors import Exit

ACTIVE: dict[str, Any] = {"active": True, "waiting_for": []}


def _parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_wait(parser)
    return parser.parse_args(argv)


def test_a_command_without_wait_does_not_wait() -> None:
    """--timeout without --wait has no effect."""
    args = _parsed("--timeout", "5")
    assert (wait_query(args), wait_seconds(args)) == ({}, 0)


def test_wait_extends_the_time_for_the_response() -> None:
    """With --wait the response may take the time of --timeout longer."""
    args = _parsed("--wait", "--timeout", "5")
    assert (wait_query(args), wait_seconds(args)) == ({"wait": "verified", "timeout": 5.0}, 5)


@pytest.mark.parametrize("seconds", ["0", "-1", "601", "nan", "soon"])
def test_an_impossible_timeout_is_refused(seconds: str) -> None:
    """A timeout that the API would refuse is refused."""
    with pytest.raises(argparse.ArgumentError):
        _parsed("--timeout", seconds)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ({"active": False, "waiting_for": ["proxy-1", "proxy-2"]}, "proxy-1, proxy-2"),
        (
            {"active": False, "waiting_for": [], "silent": [{"name": "edge2/proxy/7#a1", "seconds": 4.2}]},
            "not heard from for 4 s: edge2/proxy/7#a1; it may still serve by older lists",
        ),
        ({**ACTIVE, "purge": {"orders": 0, "owed": {}, "matched": False}}, "not yet matched"),
        (
            {**ACTIVE, "purge": {"orders": 3, "owed": {"nginx-1": 2}, "matched": True}},
            "nginx-1 still owes 2 purges, to be",
        ),
        (
            {**ACTIVE, "purge": {"orders": 3, "owed": {}, "refused": {"a": 2}, "matched": True}},
            "edgeward: a refuses 2 purges, fix its access rules or credentials; retried every 5 minutes: "
            "see `edgeward purges`",
        ),
        (
            {
                **ACTIVE,
                "purge": {"orders": 0, "owed": {}, "matched": True, "unknowns": ["40 responses that broke off"]},
            },
            "not known to be gone: 40 responses that broke off",
        ),
    ],
)
def test_what_is_missing_is_named(answer: dict[str, Any], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not yet done is printed, and the status is 1."""
    assert status_of(answer) is Exit.FOUND
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("answer", [ACTIVE, {**ACTIVE, "purge": {"orders": 3, "owed": {}, "matched": True}}])
def test_a_complete_change_prints_nothing(answer: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """A complete change is status 0 and prints nothing."""
    assert status_of(answer) is Exit.DONE
    assert capsys.readouterr().err == ""


def test_owed_and_refused_purges_are_told_apart() -> None:
    """A cache that refuses some purges and owes others gets a sentence for each."""
    assert not_removed({"a": 2, "b": 1}, {"a": 1}, {}) == [
        "a still owes 2 purges, to be retried: see `edgeward purges`",
        "a refuses 1 purge, fix its access rules or credentials; retried every 5 minutes: see `edgeward purges`",
        "b still owes 1 purge, to be retried: see `edgeward purges`",
    ]


def test_nothing_is_retried_at_a_cache_that_nobody_has(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what to do in place of that, whether the cache owes or has refused."""
    purge = {"orders": 3, "owed": {"gone": 2, "near": 1}, "refused": {"gone": 1}, "matched": True, "absent": ["gone"]}
    assert status_of({**ACTIVE, "purge": purge}) is Exit.FOUND
    near, gone = capsys.readouterr().err.splitlines()
    assert near == "edgeward: near still owes 1 purge, to be retried: see `edgeward purges`"
    assert gone.startswith("edgeward: gone owes 2 purges and has refused 1 purge, and no live controller has it in")
    assert "retried" not in gone and "`edgeward caches forget gone`" in gone


def test_a_refusal_is_given_in_the_words_of_the_cache(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the API tells them: a server that supports no purges has no access rules to fix."""
    node = {"refused": 1, "refused_detail": "status 501: the server at this url does not support purges"}
    purge = {"orders": 1, "owed": {}, "refused": {"a": 1}, "matched": True, "nodes": {"a": node}}
    assert status_of({**ACTIVE, "purge": purge}) is Exit.FOUND
    said = f"edgeward: a refuses 1 purge ({node['refused_detail']}); retried every 5 minutes: see `edgeward purges`\n"
    assert capsys.readouterr().err == said

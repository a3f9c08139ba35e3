"""`doctor`: what it prints, and how it ends."""

from collections.abc import Callable

from tests.cli.conftest import Api, Ended

WELL = {"about": "store", "check": "persistence", "health": "ok", "detail": "changes go to a file", "fix": ""}
ILL = {"about": "edge", "check": "purge", "health": "fail", "detail": "it refuses purges", "fix": "use the same secret"}


def test_findings_and_fixes_are_printed(edgeward: Callable[..., Ended], api: Api) -> None:
    """A table of all findings, then what to fix, and status 1."""
    api.answer("POST /api/v1/doctor", {"well": False, "findings": [WELL, ILL]})
    ended = edgeward("doctor", "--url", "http://host/a.jpg")
    assert ended.status == 1
    assert "FAIL" in ended.out
    assert "edge, purge: use the same secret." in ended.out


def test_all_is_well(edgeward: Callable[..., Ended], api: Api) -> None:
    """Without a failure the status is 0, and --json prints the response of the API."""
    api.answer("POST /api/v1/doctor", {"well": True, "findings": [WELL]})
    ended = edgeward("doctor", "--json")
    assert (ended.status, ended.json["well"]) == (0, True)

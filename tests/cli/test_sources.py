"""`sources` and `sources pull`: what they send and print."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.cli.conftest import Api, Ended

from edgeward.cli import sources as module
from edgeward.errors import NotFound

type Run = Callable[..., Ended]
GOOD: dict[str, Any] = {
    "name": "iwf",
    "kind": "file",
    "list": "a",
    "place": "/x",
    "state": "waiting",
    "held": False,
    "age": 1.0,
    "stale": False,
    "controller": "c:1",
    "pulled_at": 1767225600.0,
    "good_at": 1767225600.0,
    "changed_at": 0.0,
    "next_at": 1767229200.0,
    "failures": 0,
    "error": "",
    "problems": [],
    "job": "",
    "last_job": "job-1",
    "total": 3,
    "added": 2,
    "withdrawn": 1,
    "bad": 0,
}
BAD = {**GOOD, "name": "ncmec", "state": "failing", "failures": 2, "error": "line 3: bad\nmore", "problems": ["p 7"]}
HELD = {**GOOD, "state": "held for approval: job-2", "held": True, "job": "job-2"}
PULLS = "POST /api/v1/sources/iwf/pulls"


@pytest.mark.parametrize(
    ("sources", "status"), [([GOOD], 0), ([GOOD, BAD], 1), ([{**GOOD, "stale": True}], 1), ([HELD], 1)]
)
def test_sources_are_shown(edgeward: Run, api: Api, sources: list[dict[str, Any]], status: int) -> None:
    """The status is 1 if one fails, is stale or is held."""
    api.answer("GET /api/v1/sources", {"sources": sources})
    ended = edgeward("sources")
    assert ended.status == status
    assert all(each["name"] in ended.out and each["state"] in ended.out for each in sources)
    assert edgeward("sources", "--json").json == {"sources": sources}


def test_one_source_is_shown(edgeward: Run, api: Api) -> None:
    """With all that is known; an unknown one is an error."""
    api.answer("GET /api/v1/sources", {"sources": [GOOD, BAD]})
    ended = edgeward("sources", "--source", "ncmec")
    assert (ended.status, "2026-01-01T00:00:00" in ended.out, "p 7" in ended.err) == (1, True, True)
    with pytest.raises(NotFound, match="'none'"):
        edgeward("sources", "--source", "none")


def test_a_pull(edgeward: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for; with --wait until it is over, is held, or the time is."""
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    api.answer(PULLS, {"source": "iwf", "asked_at": 1767225000.0}, status=202)
    ended = edgeward("sources", "pull", "iwf", "--anew", "--allow-large-removal", "--reason", "lost")
    assert (ended.status, "is pulled now" in ended.out) == (0, True)
    assert api.requests[0].json == {"allow_large_removal": True, "anew": True, "why": "lost"}
    pulling = {**GOOD, "state": "pulling"}
    for found, status in ((GOOD, 0), ({**GOOD, "failures": 1}, 1), (HELD, 1), (pulling, 1)):
        api.answer("GET /api/v1/sources", {"sources": [found]})
        assert edgeward("sources", "pull", "iwf", "--wait", "--timeout", "0.05").status == status

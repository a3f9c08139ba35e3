"""`audit`: the audit trail as a table, as JSON, and as it grows."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.cli.conftest import Api, Ended, Pages

from edgeward.cli import audit as module
from edgeward.errors import ApiUnavailable

type Run = Callable[..., Ended]
AUDIT = "GET /api/v1/audit"
ADDED = {"op": "entry.add", "who": "ana", "at": 1767225600.5, "first_at": 1767225600.5, "from": "192.0.2.7"}
ADDED |= {"why": "order 17", "list": "court", "act": "act-1", "count": 2, "versions": [7, 8], "about": {}}
TOKEN = {**ADDED, "op": "token.create", "list": "", "act": "", "count": 1, "versions": None, "about": {"name": "bo"}}


def page(*acts: Any, cursor: str | None = None, newest: str = "9.5-0") -> dict[str, Any]:
    return {"acts": list(acts), "cursor": cursor, "newest": newest}


def test_the_trail_is_a_table(api: Api, edgeward: Run) -> None:
    """Who, when, from where, what and why; the filters are the API's."""
    api.answer(AUDIT, page(TOKEN, ADDED))
    ended = edgeward("audit", "--list", "court", "--who", "ana", "--op", "entry", "--since", "2026-01-01", "--limit", 5)
    title, token, added = [line.split() for line in ended.out.splitlines()]
    assert title == ["AT", "WHO", "FROM", "WHAT", "LIST", "COUNT", "ACT", "ABOUT", "WHY"]
    assert token[3:8] == ["token.create", "-", "-", "-", "name=bo"]
    assert added == [
        "2026-01-01T00:00:00.500Z",
        "ana",
        "192.0.2.7",
        "entry.add",
        "court",
        "2",
        "act-1",
        "-",
        "order",
        "17",
    ]
    assert api.requests[0].path.endswith("?list=court&who=ana&op=entry&since=1767225600.0&limit=6")


def test_pages_are_read_to_the_limit(api: Api, edgeward: Run) -> None:
    """Also those on which nothing was found; a line that continues on the next page is one."""
    older = {**ADDED, "versions": [3, 6], "count": 4, "first_at": 1767225500.0}
    api.answers = Pages(page(cursor="9.1-0"), page(TOKEN, ADDED, cursor="7.1-0"), page(older, TOKEN))
    ended = edgeward("audit", "--json")
    assert ended.json == {"acts": [TOKEN, {**older, "at": ADDED["at"], "versions": [3, 8], "count": 6}, TOKEN]}
    assert [request.path.partition("cursor=")[2] for request in api.requests] == ["", "9.1-0", "7.1-0"]
    api.answers = Pages(page(TOKEN, ADDED, cursor="7.1-0"))
    assert edgeward("audit", "--json", "--limit", 1).json == {"acts": [TOKEN]}


def test_follow_goes_on(
    api: Api, edgeward: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Oldest first, then what is done from the newest position on, one line each; until it is interrupted."""
    monkeypatch.setattr(module, "FOLLOW_SECONDS", 0.0)
    api.answers = Pages(page(TOKEN, ADDED), page(newest="9.5-0"), page(ADDED, newest="10.5-0"), page(newest="10.5-0"))
    with pytest.raises(ApiUnavailable):
        edgeward("audit", "--follow", "--json")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [ADDED, TOKEN, ADDED]
    assert [r.path.partition("after=")[2].partition("&")[0] for r in api.requests][1:4] == ["9.5-0", "9.5-0", "10.5-0"]

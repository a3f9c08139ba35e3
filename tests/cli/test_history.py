"""`history` and `diff`."""

import json
from collections.abc import Callable

import pytest
from tests.cli.conftest import ENTRY, Api, Ended, Pages

from edgeward.cli import client
from edgeward.errors import UserError

type Run = Callable[..., Ended]
ROUTE = "GET /api/v1/lists/court/history"
ADDED = {
    "id": "job-1",
    "kind": "import",
    "at": 1767225600.5,
    "first_at": 1767225600.5,
    "by": "ana",
    "from": "",
    "why": "weekly",
    "added": 5,
}
ADDED |= {"removed": 0, "versions": [7, 11], "policy": {}, "state": "listed"}
POLICY = {
    **ADDED,
    "id": "",
    "kind": "policy",
    "added": 0,
    "versions": [12, 12],
    "policy": {"mode": "off"},
    "state": None,
}
REMOVAL = {**ADDED, "id": "", "kind": "removal", "added": 0, "removed": 3, "versions": [20, 22], "state": None}


def test_the_history_is_a_table(api: Api, edgeward: Run) -> None:
    """What, who, when, why, and how many entries."""
    api.answer(ROUTE, {"history": [POLICY, ADDED], "cursor": None})
    title, policy, added = edgeward("history", "court").out.splitlines()
    assert title.split() == ["AT", "BY", "WHAT", "ID", "ADDED", "REMOVED", "STATE", "VERSIONS", "POLICY", "WHY"]
    assert policy.split()[2:] == ["policy", "-", "0", "0", "-", "12", "mode=off", "weekly"]
    assert added.split() == [
        "2026-01-01T00:00:00.500Z",
        "ana",
        "import",
        "job-1",
        "5",
        "0",
        "listed",
        "7-11",
        "-",
        "weekly",
    ]


def test_an_act_may_go_on_on_the_next_page(api: Api, edgeward: Run) -> None:
    """Its numbers add up; removals only if they are next to each other."""
    older = {**ADDED, "added": 95, "versions": [2, 6], "first_at": 1767225500.0}
    ended, other = {**REMOVAL, "removed": 4, "versions": [16, 19]}, {**REMOVAL, "versions": [13, 14]}
    pages = ([REMOVAL], "c1"), ([ended, other, POLICY, ADDED], "c2"), ([older, {**POLICY, "versions": [1, 1]}], None)
    api.answers = Pages(*({"history": acts, "cursor": cursor} for acts, cursor in pages))
    removal, again, policy, added, first = edgeward("history", "court", "--json").json["history"]
    assert (removal["removed"], removal["versions"], again["removed"]) == (7, [16, 22], 3)
    assert (added["added"], added["versions"], added["first_at"]) == (100, [2, 11], 1767225500.0)
    assert (policy["versions"], first["versions"]) == ([12, 12], [1, 1])


@pytest.mark.parametrize("part", [7, 1 << 18])
def test_a_difference_is_printed_line_by_line(
    api: Api, edgeward: Run, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """Status 1 if there is one, as `diff` has it; with --json the lines of the API."""
    monkeypatch.setattr(client, "PART_BYTES", part)
    lines = [{"change": change, "version": 9, **ENTRY} for change in ("added", "removed", "added")]
    body = "".join(f"{json.dumps(line)}\n" for line in lines)
    api.answer("GET /api/v1/lists/court/diff", body.encode())
    ended = edgeward("diff", "court", 3, 9)
    md5 = f"md5:{ENTRY['value']}  order 17"
    assert ended.out.splitlines() == [f"+ {md5}", f"- {md5}", f"+ {md5}", "2 added, 1 removed"]
    assert (ended.status, api.requests[0].path.partition("?")[2]) == (1, "first=3&last=9")
    assert edgeward("diff", "court", 3, "--json").out == body
    assert api.requests[1].path.endswith("?first=3")
    with pytest.raises(UserError, match="argument V1: 'x' is not a whole number"):
        edgeward("diff", "court", "x")
    api.answer("GET /api/v1/lists/court/diff", b"")
    ended = edgeward("diff", "court", 9)
    assert (ended.status, ended.out) == (0, "0 added, 0 removed\n")

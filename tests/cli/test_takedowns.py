"""`takedown`, `takedowns` and `receipt`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import ENTRY, PURGE, Api, Ended

from edgeward.errors import NotFound, UserError

type Run = Callable[..., Ended]

URL = "https://host/a.jpg"
TAKEDOWN = {
    "id": "td-0123456789abcdef",
    "at": 1767225600.5,
    "by": "local",
    "way": "api",
    "why": "case 9",
    "urls": 1,
    "prefixes": 0,
    "hashes": 0,
    "list": None,
    "state": "placed",
    "orders": 2,
    "error": "",
}
NODE = {
    "verified": 2,
    "delivered": 0,
    "refused": 0,
    "owed": 0,
    "first_at": 1767225600.6,
    "last_at": 1767225600.7,
    "linger_seconds": 0.2,
}
SUMMARY = {
    "state": "gone",
    "orders": 2,
    "first_at": 1767225600.6,
    "last_at": 1767225600.7,
    "linger_seconds": 0.2,
    "verified": 2,
    "delivered": 0,
    "refused": {},
    "owed": {},
    "nodes": {"varnish-1": NODE},
}
RECEIPT = {
    "takedown": {**TAKEDOWN, "state": "gone", "what": {"urls": [URL], "prefixes": [], "hashes": []}},
    "summary": SUMMARY,
    "purges": [PURGE],
    "cursor": 0,
}
LISTING = {
    "entry": ENTRY,
    "state": "gone",
    "active": True,
    "waiting_for": [],
    "matched": True,
    "first_blocked": {"at": 1767225601.5},
    "summary": SUMMARY,
    "purges": [PURGE],
    "cursor": 0,
}


def _answer(owed: dict[str, int] | None = None, matched: bool = True, **changed: object) -> dict[str, Any]:
    purge = {"orders": 2, "owed": owed or {}, "matched": matched}
    return {**TAKEDOWN, "order_ids": ["1-0", "2-0"], "purge": purge, **changed}


def test_takedown_sends_everything_in_one_request(api: Api, edgeward: Run) -> None:
    """URLs, prefixes, hashes, list and reason go into one request; the command does not wait and prints the id."""
    api.answer("POST /api/v1/takedowns", _answer({"far": 2}), 202)
    ended = edgeward(
        "takedown", URL, "--prefix", "https://host/u/", "--hash", "md5:0", "--list", "court", "--reason", "r"
    )
    assert api.requests[0].json == {
        "urls": [URL],
        "prefixes": ["https://host/u/"],
        "hashes": ["md5:0"],
        "list": "court",
        "why": "r",
    }
    assert "?" not in api.requests[0].path
    assert (ended.status, ended.out) == (0, "takedown td-0123456789abcdef: 2 purges ordered\n")


def test_takedown_waits(api: Api, edgeward: Run) -> None:
    """With --wait the API waits, and the command says that all copies are gone."""
    api.answer("POST /api/v1/takedowns", _answer(), 202)
    ended = edgeward("takedown", URL, "--wait", "--timeout", 3)
    assert api.requests[0].path.endswith("?wait=verified&timeout=3.0")
    assert ended.status == 0
    assert "gone from every cache" in ended.out


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (_answer({"far": 2}), "far still owes 2 purges"),
        (_answer(matched=False), "edgeward receipt td-0123456789abcdef"),
        (_answer(error="no list is named 'x'"), "no list is named 'x'"),
    ],
)
def test_takedown_names_what_is_not_done(api: Api, edgeward: Run, answer: dict[str, Any], message: str) -> None:
    """With --wait, purges that are owed or not yet ordered and a failed part are printed, with status 1."""
    api.answer("POST /api/v1/takedowns", answer, 202)
    ended = edgeward("takedown", URL, "--wait", "--json")
    assert ended.status == 1
    assert message in ended.err
    assert ended.json == answer


@pytest.mark.parametrize(
    ("argv", "message"), [([], "nothing to take down"), ([URL, "--list", "x"], "--list needs a hash")]
)
def test_takedown_refuses_a_useless_command(edgeward: Run, argv: list[str], message: str) -> None:
    """A command that names nothing, or a list without a hash, is refused before anything is sent."""
    with pytest.raises(UserError, match=message):
        edgeward("takedown", *argv)


def test_takedowns_are_a_table(api: Api, edgeward: Run) -> None:
    """`takedowns` prints the latest as a table and passes --limit on."""
    api.answer("GET /api/v1/takedowns", {"takedowns": [TAKEDOWN]})
    out = edgeward("takedowns", "--limit", 3).out
    assert api.requests[0].path.endswith("?limit=3")
    assert out.splitlines()[1].split() == [
        TAKEDOWN["id"],
        "2026-01-01T00:00:00.500Z",
        "local",
        "placed",
        "1",
        "0",
        "0",
        "2",
        "case",
        "9",
    ]


@pytest.mark.parametrize("command", ["takedowns", "receipt"])
def test_the_receipt_of_a_takedown(api: Api, edgeward: Run, command: str) -> None:
    """A receipt has who requested what and when, the state, and what each cache did."""
    api.answer(f"GET /api/v1/takedowns/{TAKEDOWN['id']}", RECEIPT)
    out = edgeward(command, TAKEDOWN["id"]).out
    for text in ("gone", "local (api)", "case 9", URL, "2026-01-01T00:00:00.500Z", "2026-01-01T00:00:00.700Z"):
        assert text in out
    assert out.splitlines()[-1].split()[:5] == ["varnish-1", "2", "0", "0", "0"]


def test_the_receipt_of_an_entry(api: Api, edgeward: Run) -> None:
    """A receipt has who listed it and when, where it is active, the first block, and what each cache did."""
    api.answer(f"GET /api/v1/entries/{ENTRY['id']}/receipt", LISTING)
    out = edgeward("receipt", ENTRY["id"]).out
    for text in (f"md5:{ENTRY['value']}", "court", "everywhere", "2026-01-01T00:00:01.500Z", "varnish-1"):
        assert text in out


def test_a_receipt_of_an_unknown_id(api: Api, edgeward: Run) -> None:
    """An id without the mark of a takedown may be mistyped: the message names both kinds."""
    api.problem("GET /api/v1/entries/nosuch/receipt", 404, "no entry has the ID 'nosuch'")
    with pytest.raises(NotFound, match=r"^no entry or takedown has the ID 'nosuch'$"):
        edgeward("receipt", "nosuch")


def test_a_receipt_has_every_order(api: Api, edgeward: Run) -> None:
    """All pages of orders are read."""
    api.answer(f"GET /api/v1/takedowns/{TAKEDOWN['id']}", {**RECEIPT, "cursor": 1000})
    first = api.answers[f"GET /api/v1/takedowns/{TAKEDOWN['id']}"]
    taken = iter([first, (200, RECEIPT)])
    api.answers = _Turns(api.answers, taken)
    assert len(edgeward("receipt", TAKEDOWN["id"], "--json").json["purges"]) == 2
    assert [re.sub(r".*\?", "", request.path) for request in api.requests] == ["limit=1000", "limit=1000&cursor=1000"]


class _Turns(dict[str, tuple[int, Any]]):
    """Answers in turn, whatever is requested."""

    def __init__(self, known: dict[str, tuple[int, Any]], turns: Any) -> None:
        super().__init__(known)
        self._turns = turns

    def __getitem__(self, _: str) -> tuple[int, Any]:
        answer: tuple[int, Any] = next(self._turns)
        return answer


def test_a_receipt_is_written_as_a_page(api: Api, edgeward: Run, tmp_path: Path) -> None:
    """--html writes the page and prints the file name; a file that can't be written is named."""
    api.answer(f"GET /api/v1/takedowns/{TAKEDOWN['id']}", RECEIPT)
    file = tmp_path / "receipt.html"
    ended = edgeward("receipt", TAKEDOWN["id"], "--html", file)
    assert ended.out == f"wrote {file}\n"
    assert file.read_text().startswith("<!DOCTYPE html>")
    assert URL in file.read_text()
    with pytest.raises(UserError, match=r"no/such/r\.html: No such file"):
        edgeward("receipt", TAKEDOWN["id"], "--html", "no/such/r.html")

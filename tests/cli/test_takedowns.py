"""`takedown`, `takedowns` and `receipt`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import ENTRY, GONE, NODE, PURGE, Api, Ended

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
SUMMARY = {
    **GONE,
    "limits": "What no purge can show.",
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
WHAT = {"urls": [URL], "prefixes": [], "hashes": []}
RECEIPT = {
    "takedown": {**TAKEDOWN, "state": "gone", "what": WHAT},
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
    purge = {**GONE, "owed": owed or {}, "matched": matched, "state": changed.pop("purge_state", "gone")}
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
    assert "edgeward undo td-0123456789abcdef" in ended.err


def test_takedown_waits(api: Api, edgeward: Run) -> None:
    """With --wait the API waits, and the command says that all copies are gone."""
    api.answer("POST /api/v1/takedowns", _answer(), 202)
    ended = edgeward("takedown", URL, "--wait", "--timeout", 3)
    assert api.requests[0].path.endswith("?wait=verified&timeout=3.0")
    assert ended.status == 0
    assert ended.out.splitlines()[1:] == ["gone from every cache", "At noon: gone."]


def test_a_takedown_whose_purges_met_nothing_calls_nothing_gone(api: Api, edgeward: Run) -> None:
    """The caches may store the images under another key."""
    answer = _answer()
    answer["purge"] |= {"copies": 0, "statement": "At noon: nothing is left where purges look."}
    api.answer("POST /api/v1/takedowns", answer, 202)
    ended = edgeward("takedown", URL, "--wait")
    assert ended.out.splitlines()[1:] == ["2 purges done and verified", "At noon: nothing is left where purges look."]


@pytest.mark.parametrize("wait", [[], ["--wait"]])
@pytest.mark.parametrize("state", ["nothing", "accepted", "gone"])
def test_a_takedown_that_matched_nothing_says_so(api: Api, edgeward: Run, state: str, wait: list[str]) -> None:
    """What matched nothing is named, with status 1, and nothing is called gone."""
    api.answer("POST /api/v1/takedowns", _answer(unmatched=[URL], purge_state=state), 202)
    ended = edgeward("takedown", URL, *wait)
    assert ended.status == 1
    assert f"nothing matched {URL}" in ended.err
    assert "gone from" not in ended.out


@pytest.mark.parametrize("wait", [[], ["--wait"]])
def test_without_caches_nothing_was_purged(api: Api, edgeward: Run, wait: list[str]) -> None:
    """Status 1, and why, once."""
    why = "no cache is configured: nothing was purged"
    answer = _answer(purge_state="unknown")
    answer["purge"] |= {"nodes": {}, "unknowns": [why], "statement": f"At noon: not known to be gone: {why}."}
    api.answer("POST /api/v1/takedowns", answer, 202)
    ended = edgeward("takedown", URL, *wait)
    assert (ended.status, ended.err) == (1, f"edgeward: not known to be gone: {why}\n")


def test_what_became_of_the_others_is_said(api: Api, edgeward: Run) -> None:
    """One URL was mistyped: that the copies of the other one are gone is said all the same."""
    api.answer("POST /api/v1/takedowns", _answer(unmatched=[URL]), 202)
    ended = edgeward("takedown", URL, "http://host/b.jpg", "--wait")
    assert (ended.status, ended.out.splitlines()[1:]) == (1, ["At noon: gone."])


def test_a_takedown_that_is_only_accepted_is_not_gone(api: Api, edgeward: Run) -> None:
    """A cache that can't be asked has carried it out: status 1 unless its settings say that this is enough."""
    answer = _answer()
    answer["purge"] |= {"state": "accepted", "accepted": {"cf": 2}, "verified": 0, "statement": "accepted"}
    api.answer("POST /api/v1/takedowns", answer, 202)
    for enough, status in ((["cf"], 0), ([], 1)):
        answer["purge"]["accepted_is_enough"] = enough
        ended = edgeward("takedown", URL, "--wait")
        assert ended.status == status
        assert ("accepted, not verified: cf" in ended.err) == bool(status)
        assert "2 purges done: 0 verified, 2 accepted by cf" in ended.out
        assert "gone" not in ended.out


def test_a_takedown_that_found_nothing_says_so(api: Api, edgeward: Run) -> None:
    """Who takes something down expects a copy: where every cache was asked and none had one, --wait ends with 1."""
    answer = _answer(purge_state="found_nothing")
    answer["purge"] |= {"copies": 0, "statement": "At noon: found nothing."}
    api.answer("POST /api/v1/takedowns", answer, 202)
    ended = edgeward("takedown", URL, "--wait")
    assert (ended.status, ended.err) == (1, "edgeward: At noon: found nothing.\n")
    assert "gone" not in ended.out
    assert edgeward("takedown", URL).status == 0


def test_a_takedown_that_is_still_placing_says_how_far_it_is(api: Api, edgeward: Run) -> None:
    """Without --wait, more purges may follow: the number is of those so far."""
    api.answer("POST /api/v1/takedowns", _answer(state="placing", steps_done=2, steps=12, matched=False), 202)
    ended = edgeward("takedown", URL)
    assert (ended.status, ended.out) == (0, "takedown td-0123456789abcdef: placing: 2 purges so far, step 3 of 12\n")


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
    """`takedowns` prints the latest as a table, with where each is, and passes --limit on."""
    api.answer("GET /api/v1/takedowns", {"takedowns": [{**TAKEDOWN, "receipt_state": "owed"}]})
    out = edgeward("takedowns", "--limit", 3).out
    assert api.requests[0].path.endswith("?limit=3")
    assert out.splitlines()[1].split() == [
        TAKEDOWN["id"],
        "2026-01-01T00:00:00.500Z",
        "local",
        "owed",
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
    assert "At noon: gone." in out
    assert out.splitlines()[-3].split()[:7] == ["varnish-1", "2", "0", "0", "0", "0", "2"]
    assert out.splitlines()[-1] == "What no purge can show."


SILENT = {"active": False, "waiting_for": [], "silent": [{"name": "edge2/proxy/7#a1", "seconds": 4.2}]}
NAMED = "not heard from for 4 s: edge2/proxy/7#a1; it may still serve by older lists"


@pytest.mark.parametrize("wait", [[], ["--wait"]])
def test_a_listing_that_is_not_known_to_be_in_force(api: Api, edgeward: Run, wait: list[str]) -> None:
    """A takedown that lists names who may not act on it, with status 1; so do the receipts."""
    api.answer("POST /api/v1/takedowns", {**_answer(), **SILENT}, 202)
    ended = edgeward("takedown", "--hash", f"md5:{ENTRY['value']}", "--list", "court", *wait)
    assert (ended.status, ended.err.count(NAMED)) == (1, 1)
    api.answer(f"GET /api/v1/takedowns/{TAKEDOWN['id']}", {**RECEIPT, **SILENT})
    api.answer(f"GET /api/v1/entries/{ENTRY['id']}/receipt", {**LISTING, **SILENT})
    for id_ in (TAKEDOWN["id"], ENTRY["id"]):
        out = edgeward("receipt", id_).out
        assert "not known to be everywhere" in out
        assert NAMED in out


def test_the_receipt_of_an_entry(api: Api, edgeward: Run) -> None:
    """A receipt has who listed it and when, where it is active, the first block, and what each cache did."""
    api.answer(f"GET /api/v1/entries/{ENTRY['id']}/receipt", LISTING)
    out = edgeward("receipt", ENTRY["id"]).out
    for text in (f"md5:{ENTRY['value']}", "court", "everywhere", "2026-01-01T00:00:01.500Z", "varnish-1"):
        assert text in out


def test_the_receipt_of_a_removed_entry(api: Api, edgeward: Run) -> None:
    """Who removed it, when and why; or deleted its list."""
    removal = {"at": 1767225700.5, "by": "bo", "why": "order was lifted", "from": "", "op": "entry.remove"}
    api.answer(f"GET /api/v1/entries/{ENTRY['id']}/receipt", {**LISTING, "removed": removal})
    lines = {tuple(line.split("  ", 1)[0:1]) for line in edgeward("receipt", ENTRY["id"]).out.splitlines()}
    assert {("removed",), ("removed by",), ("removed why",)} <= lines
    api.answer(f"GET /api/v1/entries/{ENTRY['id']}/receipt", {**LISTING, "removed": {**removal, "op": "list.delete"}})
    out = edgeward("receipt", ENTRY["id"]).out
    assert ("list deleted by" in out, "2026-01-01T00:01:40.500Z" in out, "order was lifted" in out) == (True,) * 3


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


def test_a_receipt_that_is_still_placing_says_how_far_it_is(api: Api, edgeward: Run) -> None:
    """And names what matched nothing so far."""
    takedown: dict[str, Any] = {
        **TAKEDOWN,
        "what": WHAT,
        "state": "placing",
        "steps_done": 2,
        "steps": 12,
        "unmatched": [URL],
    }
    api.answer(f"GET /api/v1/takedowns/{TAKEDOWN['id']}", {**RECEIPT, "takedown": takedown})
    lines = edgeward("receipt", TAKEDOWN["id"]).out.splitlines()
    assert ["step", "3", "of", "12"] in [line.split() for line in lines]
    assert ["unmatched", URL] in [line.split() for line in lines]

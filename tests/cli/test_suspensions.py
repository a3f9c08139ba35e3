"""`suspended` and `confirm`."""

from collections.abc import Callable

from tests.cli.conftest import ACTIVE, ENTRY, Api, Ended

type Run = Callable[..., Ended]
SUSPENDED = {**ENTRY, "mode": "monitor", "suspended_at": 1767225900.5, "images": 13}


def test_suspended_entries_are_shown(api: Api, edgeward: Run) -> None:
    """With how many different images each has matched, and since when it blocks nothing."""
    api.answer("GET /api/v1/suspended", {"suspended": [SUSPENDED]})
    shown = edgeward("suspended").out
    assert [each in shown for each in (str(ENTRY["id"]), "court", "13", "2026-01-01", "order 17")] == [True] * 5
    assert edgeward("suspended", "--json").json == {"suspended": [SUSPENDED]}


def test_an_entry_is_confirmed(api: Api, edgeward: Run) -> None:
    """Status 1 while a process does not act on it."""
    route = f"POST /api/v1/suspended/{ENTRY['id']}/confirm"
    api.answer(route, {"entry": ENTRY, **ACTIVE})
    ended = edgeward("confirm", str(ENTRY["id"]), "--reason", "seen")
    assert (ended.status, ended.out) == (0, f"{ENTRY['id']} on court blocks again\n")
    assert api.requests[0].json == {"why": "seen"}
    api.answer(route, {"entry": ENTRY, **ACTIVE, "active": False, "waiting_for": ["edge1/proxy/1"]})
    assert edgeward("confirm", str(ENTRY["id"]), "--json").status == 1

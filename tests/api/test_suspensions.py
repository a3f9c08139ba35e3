"""Suspended entries through the API of a real controller."""

from tests.support.controllers import Api, RunningController
from tests.support.edges import with_store

from edgeward.lists.entry_modes import EntryModes
from edgeward.types import Entry, Signal


def test_a_suspended_entry_is_shown_and_confirmed(controller: RunningController, api: Api, a_list: str) -> None:
    """With since when and why; and it is not confirmed twice."""
    (entry,) = api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "6d" * 16]}).json["entries"]
    assert "mode" not in entry
    suspended = Entry(a_list, Signal("md5", "6d" * 16))
    with_store(controller.config, lambda store: EntryModes(store).suspend(suspended, 13, "edgeward", ""))
    (shown,) = [each for each in api.get("/suspended").json["suspended"] if each["list"] == a_list]
    assert (shown["id"], shown["images"], shown["mode"]) == (entry["id"], 13, "monitor")
    assert shown["suspended_at"] > entry["added_at"]
    confirmed = api.post(f"/suspended/{entry['id']}/confirm", {"why": "seen"})
    assert (confirmed.status, confirmed.json["active"], confirmed.json["entry"]["mode"]) == (200, True, "enforce")
    assert api.post(f"/suspended/{entry['id']}/confirm", {}).status == 409
    assert api.post("/suspended/00000000000000000000/confirm", {}).status == 404


def test_suspended_entries_need_an_operator(callers: dict[str, Api]) -> None:
    """They have hashes."""
    assert callers["viewer"].get("/suspended").status == 403
    assert callers["viewer"].post("/suspended/0/confirm", {}).status == 403

"""The audit trail in a real store."""

import time

import pytest
from tests.lists.entries import entry

from edgeward.lists import audit_trail as module
from edgeward.lists.audit_trail import AuditTrail, request_from, signed
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import HashList


async def test_an_act_is_noted_with_all_that_is_asked(store: Store) -> None:
    """What, who, when, from where, why, and what it is about; the newest first. Long texts are cut."""
    trail = AuditTrail(store)
    with request_from("192.0.2.7"):
        await trail.note("token.create", "ana", "a new colleague", name="bo", role="viewer")
    await trail.note("purge.create", "bo", first="http://a/" + "x" * 9000, urls=3)
    purge, token = await trail.latest()
    assert (token.op, token.who, token.origin, token.why) == ("token.create", "ana", "192.0.2.7", "a new colleague")
    assert token.about == {"name": "bo", "role": "viewer"}
    assert abs(token.at - time.time()) < 60
    assert (purge.origin, purge.about["urls"], len(purge.about["first"])) == ("", 3, module.MAX_ABOUT_CHARACTERS)
    assert await trail.latest(1) == [purge]


async def test_the_latest_acts_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for very many fills no store."""
    monkeypatch.setattr(module, "MAX_RECORDS", 100)
    trail = AuditTrail(store)
    for number in range(500):
        await trail.note("doctor.run", "ana", str(number))
    found = await trail.latest(1000)
    # Redis trims whole nodes of a stream, of 100 lines by default.
    assert 100 <= len(found) <= 300
    assert found[0].why == "499"


async def test_changes_say_from_where(list_store: ListStore, store: Store) -> None:
    """Every kind of change, and what a person says about the store. `who` stays the name alone."""
    after = await list_store.version()
    with request_from("2001:db8::1"):
        await list_store.create_list(HashList("from"), "ana", "w")
        (added,) = await list_store.add_entries([entry("from", 1)], "ana", "w", "act-0000000000000001")
        await list_store.add_entries([entry("from", 2)], "ana", "w", "act-0000000000000001")
        assert added.entry
        await list_store.remove_entry("from", added.entry.id, "ana", "w")
        await list_store.delete_list("from", "ana", "w")
        version = await AuditTrail(store).state("store.caches_emptied", "ana", "w", caches=["a"])
    changes = await list_store.changes(after)
    assert [(each.who, each.origin, each.why) for each in changes] == [("ana", "2001:db8::1", "w")] * 6
    assert (changes[-1].op, changes[-1].version, changes[-1].entry) == ("store.caches_emptied", version, None)
    assert (await list_store.acts.get("act-0000000000000001")).by == "ana"
    await list_store.create_list(HashList("nowhere"), "ana")
    assert (await list_store.changes(version))[0].origin == ""


def test_a_signature_is_made_once() -> None:
    """What a process passes on for another keeps the address of the one who asked."""
    with request_from("192.0.2.7"):
        passed_on = signed("ana")
    with request_from("192.0.2.8"):
        assert signed(passed_on) == passed_on == "ana\x00192.0.2.7"
    assert signed("ana") == "ana"

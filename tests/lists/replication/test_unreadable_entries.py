"""What a replica could not read: it acts by all else, says so, and reports no version as applied meanwhile."""

import json

import pytest
from tests.lists.entries import NEVER, entry, image
from tests.support.eventually import eventually

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import unreadable_entries as module
from edgeward.lists.replication.replica import Replica
from edgeward.lists.replication.unreadable_entries import UnreadableEntries
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, Unreadable


def later(record: str, **more: object) -> str:
    return json.dumps(json.loads(record) | more)


def of_later(number: int, **more: object) -> Entry:
    """An entry with more fields."""
    return Entry.from_json(later(entry("a", number).to_json(), **more))


class NeedsMore(Entry):
    """An entry that only a later release can read."""

    def to_json(self) -> str:
        return later(super().to_json(), needs=9)


async def test_other_entries_act(list_store: ListStore, replica: Replica, store: Store) -> None:
    """One entry that needs a later release stops no other: those before and after it act, also after a restart."""
    await list_store.add_entries([entry("a", 1)], "me")
    await list_store.add_entries([NeedsMore("a", entry("a", 2).signal)], "me")
    (change,) = await list_store.add_entries([entry("a", 3)], "me")
    assert await replica.wait_version(change.version, 60)
    again = Replica(store, "again")
    await again.start()
    for copy in (replica, again):
        assert copy.ready
        assert [copy.matcher.verdict(image(entry("a", n))).blocks for n in (1, 2, 3)] == [True, False, True]
        assert (len(copy.unreadable), copy.unreadable.any_later) == (1, True)
        assert "1 list or entry of the store were written by a later release" in copy.unreadable.reason
        assert "(1 of the list 'a')" in copy.unreadable.reason
    # No version counts as applied where one that the others have does not act.
    await eventually(lambda: _lag(list_store, change.version, 2))
    await list_store.remove_entry("a", entry("a", 2).id, "me")
    await eventually(lambda: not len(replica.unreadable) and not len(again.unreadable))
    await eventually(lambda: _lag(list_store, change.version, 0))
    await again.close()


async def _lag(list_store: ListStore, version: int, count: int) -> bool:
    return len(await list_store.laggards(version)) == count


async def test_damaged_entries_hold_nothing_back(list_store: ListStore, replica: Replica, store: Store) -> None:
    """No process can ever read them: versions are reported as applied, and the reason says that they are damaged."""
    (change,) = await list_store.add_entries([entry("a", 1)], "me")
    await store.redis.hset(store.key("{blocklist}", "entries", "a"), "ab" * 10, "{")
    again = Replica(store, "again")
    await again.start()
    assert (len(again.unreadable), again.unreadable.any_later) == (1, False)
    assert "are damaged" in again.unreadable.reason
    await eventually(lambda: _lag(list_store, change.version, 0))
    assert await list_store.laggards(NEVER) != []
    await again.close()


async def test_a_list_that_becomes_readable_acts(list_store: ListStore, replica: Replica, store: Store) -> None:
    """Its entries could not be loaded while its policy was unknown; the policy in memory stayed in use."""
    await list_store.create_list(HashList("b"), "me")
    await list_store.add_entries([entry("b", 1)], "me")
    key = store.key("{blocklist}", "lists")
    await store.redis.hset(key, "b", later(HashList("b").to_json(), kind="watch"))
    again = Replica(store, "again")
    await again.start()
    assert (again.ready, again.matcher.verdict(image(entry("b", 1))).blocks) == (True, False)
    assert replica.matcher.verdict(image(entry("b", 1))).blocks
    await store.redis.hset(key, "b", HashList("b").to_json())
    change = await list_store.change_list("b", lambda old: old.changed(description="read again"), "me")
    assert await again.wait_version(change.version, 60)
    assert again.matcher.verdict(image(entry("b", 1))).blocks
    assert not len(again.unreadable)
    await again.close()


async def test_unknown_fields_come_back_from_memory(list_store: ListStore, replica: Replica, store: Store) -> None:
    """A refill writes what a later release wrote."""
    (change,) = await list_store.add_entries([of_later(1, expires=9, signal={**_signal(1), "model": "x"})], "me")
    assert await replica.wait_version(change.version, 60)
    kept = json.loads(replica.matcher.entries("a")[entry("a", 1).id].to_json())
    assert (kept["expires"], kept["signal"]["model"]) == (9, "x")


def _signal(number: int) -> dict[str, object]:
    found: dict[str, object] = json.loads(entry("a", number).to_json())["signal"]
    return found


def test_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it they are counted, and forgotten when the lists are loaded again."""
    monkeypatch.setattr(module, "MAX_KNOWN", 2)
    found = UnreadableEntries()
    assert (found.reason, len(found)) == ("", 0)
    for number in range(4):
        found.add(Unreadable("a", bytes((number,)), is_later=number == 3))
    assert (len(found), found.any_later, found.has_list("a")) == (4, True, True)
    found.remove(Unreadable("a", b"\0", False))
    assert len(found) == 3
    found.forget_list("a")
    assert len(found) == 2
    found.clear()
    assert (len(found), found.any_later) == (0, False)

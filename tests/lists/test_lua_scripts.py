"""What the scripts guarantee: versions without gaps, and each change whole or not at all, with many writers."""

import asyncio

import pytest
from tests.lists.entries import entry
from tests.support.list_entries import entry_count

from edgeward.errors import NotFound
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import HashList


async def test_versions_have_no_gaps(store: Store) -> None:
    """With many writers, some of which fail, the changes are numbered 1, 2, 3 ... in the order of the stream."""
    list_store = ListStore(store)
    await list_store.create_list(HashList("a"), "me")

    async def write(writer: int) -> None:
        for number in range(20):
            await list_store.add_entries([entry("a", 100 * writer + number), entry("a", number)], f"writer {writer}")
            with pytest.raises(NotFound):
                await list_store.add_entries([entry("none", number)], "me")
            if number % 3 == 0:
                await list_store.remove_entry("a", entry("a", 100 * writer + number).id, "me")

    await asyncio.gather(*(write(writer) for writer in range(1, 6)))
    changes = await list_store.changes(0)
    assert [change.version for change in changes] == list(range(1, len(changes) + 1))
    assert await list_store.version() == len(changes)


async def test_replaying_the_changes_gives_the_lists(store: Store) -> None:
    """The stream alone says what is listed now: it is the audit trail."""
    list_store = ListStore(store)
    await list_store.create_list(HashList("a"), "me")
    await list_store.create_list(HashList("b"), "me")
    await list_store.add_entries([entry("a", 1), entry("b", 1), entry("a", 2)], "me")
    await list_store.remove_entry("a", entry("a", 1).id, "me")
    await list_store.delete_list("b", "me")
    listed: dict[str, set[str]] = {}
    for change in await list_store.changes(0):
        if change.list and change.op == "list.set":
            listed.setdefault(change.list.name, set())
        elif change.list:
            del listed[change.list.name]
        elif change.entry and change.op == "entry.add":
            listed[change.entry.list].add(change.entry.id)
        elif change.entry:
            listed[change.entry.list].remove(change.entry.id)
    assert listed == {"a": {entry("a", 2).id}}
    assert {one.id for one in (await list_store.entries("a"))[0]} == listed["a"]


async def test_an_unknown_list_among_known_ones_writes_nothing(store: Store) -> None:
    """If one list of many entries is unknown, nothing of the call is written, not even for known lists."""
    list_store = ListStore(store)
    await list_store.create_list(HashList("a"), "me")
    with pytest.raises(NotFound, match="'none'"):
        await list_store.add_entries([entry("a", 1), entry("none", 1), entry("a", 2)], "me")
    assert await entry_count(list_store, "a") == 0
    assert await list_store.version() == 1


async def test_what_a_change_replaced_is_recorded(store: Store) -> None:
    """The list before its policy changed, or before it lost an entry, is in the record as `was`."""
    list_store = ListStore(store)
    before = HashList("a", radius={"pdq": 9})
    await list_store.create_list(before, "me")
    await list_store.set_list(HashList("a"), "me")
    await list_store.add_entries([entry("a", 1)], "me")
    await list_store.remove_entry("a", entry("a", 1).id, "me")
    records = await store.redis.xrange(list_store.stream)
    was = [HashList.from_json(fields[b"was"]) if b"was" in fields else None for _, fields in records]
    assert was == [None, before, None, HashList("a")]

"""The scripts' promise: versions without gaps, and each change whole or not at all, whoever else is at work."""

import asyncio

import pytest
from tests.blocklist.entries import entry

from edgeward.blocklist.catalogue import Catalogue
from edgeward.errors import NotFound
from edgeward.store.connection import Store
from edgeward.types import HashList, Kind


async def test_versions_have_no_gaps(store: Store) -> None:
    """Many writers at once, among them some that fail: the changes are numbered 1, 2, 3 ... in the stream's order."""
    catalogue = Catalogue(store)
    await catalogue.create_list(HashList("a"), "me")

    async def write(writer: int) -> None:
        for number in range(20):
            await catalogue.add_entries([entry("a", 100 * writer + number), entry("a", number)], f"writer {writer}")
            with pytest.raises(NotFound):
                await catalogue.add_entries([entry("none", number)], "me")
            if number % 3 == 0:
                await catalogue.remove_entry("a", entry("a", 100 * writer + number).id, "me")

    await asyncio.gather(*(write(writer) for writer in range(1, 6)))
    changes = await catalogue.changes(0)
    assert [change.version for change in changes] == list(range(1, len(changes) + 1))
    assert await catalogue.version() == len(changes)


async def test_replaying_the_changes_gives_the_lists(store: Store) -> None:
    """The stream alone tells what is listed now: it is the audit trail."""
    catalogue = Catalogue(store)
    await catalogue.create_list(HashList("a"), "me")
    await catalogue.create_list(HashList("b"), "me")
    await catalogue.add_entries([entry("a", 1), entry("b", 1), entry("a", 2)], "me")
    await catalogue.remove_entry("a", entry("a", 1).id, "me")
    await catalogue.delete_list("b", "me")
    listed: dict[str, set[str]] = {}
    for change in await catalogue.changes(0):
        if change.list and change.op == "list.set":
            listed.setdefault(change.list.name, set())
        elif change.list:
            del listed[change.list.name]
        elif change.entry and change.op == "entry.add":
            listed[change.entry.list].add(change.entry.id)
        elif change.entry:
            listed[change.entry.list].remove(change.entry.id)
    assert listed == {"a": {entry("a", 2).id}}
    assert {one.id for one in (await catalogue.entries("a"))[0]} == listed["a"]


async def test_an_unknown_list_among_known_ones_writes_nothing(store: Store) -> None:
    """One unknown list among many entries: nothing of the call is written, not even for the known lists."""
    catalogue = Catalogue(store)
    await catalogue.create_list(HashList("a"), "me")
    with pytest.raises(NotFound, match="'none'"):
        await catalogue.add_entries([entry("a", 1), entry("none", 1), entry("a", 2)], "me")
    assert await catalogue.count("a") == 0
    assert await catalogue.version() == 1


async def test_what_a_change_replaced_is_on_record(store: Store) -> None:
    """The list before its policy changed, or before it lost an entry, is in the stream as `was`."""
    catalogue = Catalogue(store)
    before = HashList("a", radius={"pdq": 9})
    await catalogue.create_list(before, "me")
    await catalogue.set_list(HashList("a"), "me")
    await catalogue.add_entries([entry("a", 1)], "me")
    await catalogue.remove_entry("a", entry("a", 1).id, "me")
    records = await store.redis.xrange(catalogue.stream)
    was = [HashList.from_json(fields[b"was"]) if b"was" in fields else None for _, fields in records]
    assert was == [None, before, None, HashList("a")]


async def test_entries_of_a_deleted_allowlist_stay_for_a_while(store: Store) -> None:
    """What an allowlist held when it was deleted can be read; of a block list nothing stays."""
    catalogue = Catalogue(store)
    for name, kind in (("fine", Kind.ALLOW), ("bad", Kind.BLOCK), ("empty", Kind.ALLOW)):
        await catalogue.create_list(HashList(name, kind=kind), "me")
    await catalogue.add_entries([entry("fine", 1), entry("bad", 1)], "me")
    gone = {}
    for name in ("fine", "bad", "empty"):
        await catalogue.delete_list(name, "me")
        gone[name] = [each.id async for some in catalogue.scan(name, gone=True) for each in some]
        assert [each async for some in catalogue.scan(name) for each in some] == []
    assert gone == {"fine": [entry("fine", 1).id], "bad": [], "empty": []}
    key = store.key("{blocklist}", "gone", "fine")
    assert 6 * 86400 < await store.redis.ttl(key) <= 7 * 86400

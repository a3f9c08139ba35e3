"""The modes of single entries."""

import asyncio

import pytest

from edgeward.errors import Conflict, NotFound
from edgeward.lists.entry_modes import EntryModes
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, Mode, Signal

ENTRY = Entry("a", Signal("pdq", "0f" * 32, 80), "order 17", "ana", 1767225600.123456, "act-1", "17", ("x",))


async def listed(store: Store) -> ListStore:
    lists = ListStore(store)
    await lists.create_list(HashList("a"), "ana")
    await lists.add_entries([ENTRY], "ana", act="act-1")
    return lists


async def stored(lists: ListStore) -> Entry:
    return (await lists.entries("a"))[0][0]


async def test_an_entry_is_suspended_once(store: Store) -> None:
    """Of two controllers one does it. All else of the entry stays, and the change is on record."""
    lists, modes = await listed(store), EntryModes(store)
    made = await asyncio.gather(*(modes.suspend(ENTRY, 13, "edgeward", "too many") for _ in range(4)))
    (change,) = [each for each in made if each]
    after = await stored(lists)
    assert (after.mode, after.added_at, after.source_id, after.tags) == (Mode.MONITOR, ENTRY.added_at, "17", ("x",))
    last = (await lists.changes(0))[-1]
    assert (last.op, last.who, last.why, last.version) == ("entry.set", "edgeward", "too many", change.version)
    (waiting,) = await modes.suspended()
    assert (waiting.entry.id, waiting.images) == (ENTRY.id, 13)


async def test_a_confirmed_entry_is_not_suspended_again(store: Store) -> None:
    """It is listed again, so that what it matches is purged."""
    lists, modes = await listed(store), EntryModes(store)
    with pytest.raises(Conflict):
        await modes.confirm(ENTRY, "bo", "")
    await modes.suspend(ENTRY, 13, "edgeward", "")
    await modes.confirm(ENTRY, "bo", "seen")
    assert (await modes.suspended(), (await stored(lists)).mode) == ([], Mode.ENFORCE)
    last = (await lists.changes(0))[-1]
    assert (last.op, last.who, last.why) == ("entry.add", "bo", "seen")
    assert await modes.suspend(ENTRY, 13, "edgeward", "") is None
    with pytest.raises(Conflict):
        await modes.confirm(ENTRY, "bo", "")


async def test_a_removed_entry_waits_for_nobody(store: Store) -> None:
    """And can be neither suspended nor confirmed."""
    lists, modes = await listed(store), EntryModes(store)
    await modes.suspend(ENTRY, 13, "edgeward", "")
    await lists.remove_entry("a", ENTRY.id, "ana")
    assert await modes.suspended() == []
    assert await modes.suspend(ENTRY, 13, "edgeward", "") is None
    with pytest.raises(NotFound):
        await modes.confirm(ENTRY, "bo", "")

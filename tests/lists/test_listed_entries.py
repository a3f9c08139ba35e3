"""All entries of a list, some at a time: single ones, and those of batches."""

import pytest
from tests.lists.entries import entry
from tests.support.stored_batches import list_batch

from edgeward.errors import InvalidValue, NotFound
from edgeward.lists import listed_entries as module
from edgeward.lists.list_store import ListStore
from edgeward.lists.listed_entries import ListedEntries, check_cursor
from edgeward.lists.replication.replica import Replica
from edgeward.types import Entry, Unreadable

TIMEOUT = 60.0


def numbers(found: list[Entry]) -> list[int]:
    return sorted(int(each.signal.value, 16) for each in found)


async def listed(list_store: ListStore, replica: Replica) -> ListedEntries:
    """0 to 9 in a batch, 8 to 12 single."""
    await list_batch(list_store, [entry("a", number) for number in range(10)], act="act-1")
    changes = await list_store.add_entries([entry("a", number) for number in range(8, 13)], "bob")
    assert await replica.wait_version(changes[-1].version, TIMEOUT)
    return ListedEntries(list_store, replica.matcher)


async def test_pages_and_streams_have_all(
    list_store: ListStore, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages at least once; what streams exactly once. Where there is a single entry, it is shown."""
    monkeypatch.setattr(module, "ENTRIES_PER_SLICE", 2)
    entries = await listed(list_store, replica)
    found, cursor = await entries.page("a", "0", 4)
    while cursor != "0":
        check_cursor(cursor)
        some, cursor = await entries.page("a", cursor, 4)
        assert len(some) <= 5
        found += some
    assert set(numbers(found)) == set(range(13))
    assert {each.added_by for each in found if int(each.signal.value, 16) >= 8} == {"bob"}
    in_memory = [each async for some in entries.in_memory("a") for each in some]
    assert numbers(in_memory) == list(range(13))
    unreadable = dict[str, Unreadable]()
    all_of = [each async for some in entries.all_of("a", unreadable) for each in some]
    assert (numbers(all_of), unreadable) == (list(range(13)), {})
    assert {each.added_by for each in all_of if int(each.signal.value, 16) >= 8} == {"bob"}


async def test_what_moves_meanwhile_is_in_the_stream(list_store: ListStore, replica: Replica) -> None:
    """A single entry is taken off when a batch that came meanwhile has it: it is among all, once."""
    entries, found = await listed(list_store, replica), list[Entry]()
    stream = entries.all_of("a", {})
    found += await anext(stream)
    assert numbers(found) == list(range(10))
    await list_batch(list_store, [entry("a", 12), entry("a", 20)], act="act-2")
    change = await list_store.remove_entry("a", entry("a", 12).id, "bob")
    assert await replica.wait_version(change.version, TIMEOUT)
    async for some in stream:
        found += some
    assert numbers(found) == [*range(13), 20]


async def test_wrong_cursors_and_lists(list_store: ListStore, replica: Replica) -> None:
    """Are told apart."""
    entries = ListedEntries(list_store, replica.matcher)
    for cursor in ("x", "-1", "", "0123abcd.1.2", "0123abcd.1.2.x"):
        with pytest.raises(InvalidValue, match="cursor"):
            check_cursor(cursor)
        with pytest.raises(InvalidValue, match="cursor"):
            await entries.page("a", cursor, 10)
    for cursor in ("0", "0123abcd.1.2.3"):
        with pytest.raises(NotFound, match="'none'"):
            await entries.page("none", cursor, 10)
    assert await entries.page("a", "0", 10) == ([], "0")
    assert await entries.page("a", "0123abcd.1.2.3", 10) == ([], "0")

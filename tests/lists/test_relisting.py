"""What is listed again is recorded, for those who match and purge it."""

from tests.lists.entries import entries, entry

from edgeward.lists.list_store import ListStore
from edgeward.lists.relisting import list_again
from edgeward.lists.replication.replica import Replica
from edgeward.store.connection import Store
from edgeward.types import HashList


async def test_it_is_recorded_as_it_is_on_the_list(store: Store, list_store: ListStore, replica: Replica) -> None:
    """With the provenance of the first listing, by the one who lists it again. What is not on the list is left out."""
    (first,) = await list_store.add_entries([entry("a", 1)], "ana", "first")
    assert first.entry
    await list_store.create_list(HashList("b"), "ana")
    again = await list_again(store, "a", [entry("a", 2).id, first.entry.id], "ben", "second")
    assert [(each.op, each.who, each.why, each.entry) for each in again] == [
        ("entry.add", "ben", "second", first.entry)
    ]
    assert await list_store.changes(again[0].version - 1) == again
    assert await replica.wait_version(again[0].version, 60)
    assert replica.matcher.entries("a") == {first.entry.id: first.entry}
    assert replica.matcher.counts()["a", first.entry.signal.type] == 1
    assert await list_again(store, "b", [first.entry.id], "ben") == []


async def test_many_in_chunks(store: Store, list_store: ListStore) -> None:
    """More than one script call takes."""
    listed = [change.entry.id for change in await list_store.add_entries(entries(1200), "me") if change.entry]
    again = await list_again(store, "a", listed, "me")
    assert [change.entry and change.entry.id for change in again] == listed

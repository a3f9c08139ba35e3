"""Which entries are on a list."""

from tests.lists.entries import entry

from edgeward.lists.known_entries import known_entries
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store


async def test_entries_that_are_on_the_list(store: Store, list_store: ListStore) -> None:
    """By id; one that can't be read is there all the same. None are asked for: none are found."""
    (change,) = await list_store.add_entries([entry("a", 1)], "bob")
    bad, other = entry("a", 2), entry("a", 3)
    await store.redis.hset(store.key("{blocklist}", "entries", "a"), bad.id, "{")
    found = await known_entries(store, "a", [change.entry.id if change.entry else "", bad.id, other.id])
    assert found == {entry("a", 1).id: change.entry, bad.id: None}
    assert await known_entries(store, "a", []) == {}

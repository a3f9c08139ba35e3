"""What is kept of allowlists that were deleted, in a real Redis."""

from tests.lists.entries import entry

from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import HashList, ListKind


async def test_entries_of_a_deleted_allowlist_are_kept_for_a_time(store: Store) -> None:
    """The entries that an allowlist had when it was deleted can be read; those of a block list can not."""
    list_store = ListStore(store)
    for name, kind in (("fine", ListKind.ALLOW), ("bad", ListKind.BLOCK), ("empty", ListKind.ALLOW)):
        await list_store.create_list(HashList(name, kind=kind), "me")
    await list_store.add_entries([entry("fine", 1), entry("bad", 1)], "me")
    kept = {}
    for name in ("fine", "bad", "empty"):
        await list_store.delete_list(name, "me")
        kept[name] = [each.id async for some in list_store.scan(name, deleted=True) for each in some]
        assert [each async for some in list_store.scan(name) for each in some] == []
    assert kept == {"fine": [entry("fine", 1).id], "bad": [], "empty": []}
    key = store.key("{blocklist}", "gone", "fine")
    assert await store.redis.ttl(key) == -1
    now = store.clock.now()
    await list_store.deleted.forget(now - 60)
    assert await store.redis.exists(key)
    await list_store.deleted.forget(now + 60)
    assert await store.redis.keys(store.key("{blocklist}", "gone*")) == []

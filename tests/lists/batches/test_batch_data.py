"""The data of batches in the store."""

import pytest
from tests.lists.entries import entries, entry
from tests.support.batches import packed_batch
from tests.support.stored_batches import list_batch

from edgeward.errors import DamagedSegment
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types.batches import adds_field, counts_field


async def test_what_is_written_is_read(list_store: ListStore) -> None:
    """All of it in order; a value by its name; nothing once it is discarded."""
    data = list_store.batches.data
    batch, packed = packed_batch([*entries(3000), entry("a", 1)], by="ann", at=1.0)
    await data.write(batch.id, packed.items())
    assert [item async for item in data.read(batch)] == list(packed.items())
    assert await data.value(batch.id, counts_field(0)) == packed[counts_field(0)]
    assert (await data.value(batch.id, "none"), await data.exists(batch.id)) == (None, True)
    await data.discard(batch.id)
    assert ([item async for item in data.read(batch)], await data.exists(batch.id)) == ([], False)


async def test_entries_are_found_in_their_buckets(list_store: ListStore, store: Store) -> None:
    """By their ids, with the row and what the batch says of it. Without its counts that is an error that names it."""
    data, listed = list_store.batches.data, [*entries(2500), entry("a", 7)]
    batch = await list_batch(list_store, listed, act="act-1", why="order 17")
    wanted = [listed[3], listed[2000], listed[2500]]
    found = await data.find(batch, [*(each.id for each in wanted), "0" * 20])
    assert found.keys() == {each.id for each in wanted}
    for each in wanted:
        ref, entry_there = found[each.id]
        assert (ref.batch, entry_there.signal, entry_there.act) == (batch.id, each.signal, "act-1")
        assert entry_there.reason == "order 17"
        assert batch.part_of(ref.row).type == each.signal.type
    assert len({ref.row for ref, _ in found.values()}) == 3
    await store.redis.hdel(data.key(batch.id), counts_field(0))
    with pytest.raises(DamagedSegment, match=batch.id):
        await data.find(batch, [wanted[0].id])


async def test_a_row_of_a_mask(list_store: ListStore, store: Store) -> None:
    """Is in it or not; one beyond its end, and of a mask that is not there, is not. A damaged one is an error."""
    old = await list_batch(list_store, [entry("a", number) for number in range(20)])
    new = await list_batch(list_store, [], list="a", adds=[(old, [0, 9, 19])])
    data, name = list_store.batches.data, adds_field(old.id)
    assert [row for row in range(25) if await data.has_row(name, new.id, row)] == [0, 9, 19]
    assert not await data.has_row("adds:none", new.id, 0)
    await store.redis.hset(data.key(new.id), name, b"no mask")
    with pytest.raises(DamagedSegment, match=name):
        await data.has_row(name, new.id, 0)

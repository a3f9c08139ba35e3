"""The scripts of batches, where their callers can't get: numbers that are noted, and what a second call does."""

from edgeward.lists.batches import batch_scripts
from edgeward.store.connection import Store


async def test_a_batch_is_dropped_and_forgotten_once(store: Store) -> None:
    """It moves aside as it was, and its data go when it is forgotten."""
    batches, old, data = (store.key("{blocklist}", *name) for name in (("batches", "a"), ("old",), ("batch", "b1")))
    await store.redis.hset(batches, mapping={"b1": "3 4 {}", "": "4"})
    await store.redis.hset(data, mapping={"rows:0:0": "x"})
    assert await store.run(batch_scripts.DROP, [batches, old, data], ["b1", "12.5"]) == 1
    assert await store.run(batch_scripts.DROP, [batches, old, data], ["b1", "13.5"]) == 0
    assert await store.redis.hgetall(old) == {b"b1": b"12.5 3 4 {}"}
    assert await store.redis.hgetall(batches) == {b"": b"4"}
    assert await store.run(batch_scripts.FORGET, [old, data], ["b1"]) == 1
    assert await store.run(batch_scripts.FORGET, [old, data], ["b1"]) == 0
    assert not await store.redis.exists(data)


async def test_only_batches_that_act_are_counted(store: Store) -> None:
    """Not undone ones, nor the version beside them."""
    keys = [store.key("{blocklist}", "batches", name) for name in ("a", "b")]
    await store.redis.hset(keys[0], mapping={"b1": "3 0 {}", "b2": "4 5 {}", "b3": "6 0 {}", "": "6"})
    assert await store.run(batch_scripts.COUNT, keys) == [2, 0]

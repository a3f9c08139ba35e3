"""Leases on a real Redis."""

from edgeward.store.connection import Store
from edgeward.store.leases import CLAIM


async def test_work_is_had_by_one_until_its_lease_ends(store: Store) -> None:
    """What is leased is nobody else's; one that is renewed stays; one whose lease has ended goes to who asks next."""
    key = store.key("open")
    await store.redis.zadd(key, {"a": 0, "b": 0})
    assert sorted(await store.run(CLAIM, [key], [60, 9])) == [b"a", b"b"]
    assert await store.run(CLAIM, [key], [60, 9]) == []
    await store.redis.zadd(key, {"a": 0, "b": 0})
    assert await store.run(CLAIM, [key], [60, 9, "a"]) == [b"b"]


async def test_no_more_is_given_than_asked_for(store: Store) -> None:
    """And an id that is not open any more is not opened again by who still has it in hand."""
    key = store.key("open")
    await store.redis.zadd(key, {"a": 0, "b": 0})
    assert len(await store.run(CLAIM, [key], [60, 1, "gone"])) == 1
    assert await store.redis.zscore(key, "gone") is None

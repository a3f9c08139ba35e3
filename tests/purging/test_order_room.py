"""What room a real Redis has for the orders of matches in transit."""

import random

import pytest
from tests.purging.samples import finish, plain_order
from tests.support.eventually import eventually

from edgeward.purging import order_room as module
from edgeward.purging.order_room import OrderRoom
from edgeward.purging.orders import Orders
from edgeward.sightings.store_memory import StoreMemory
from edgeward.store.connection import Store
from edgeward.types import PurgeOrder

MIB = 1024 * 1024


def room_of(store: Store, max_bytes: int | None = None, caches: tuple[str, ...] = ("edge",)) -> OrderRoom:
    return OrderRoom(store, StoreMemory(store, max_bytes), caches)


def long_order(number: int) -> PurgeOrder:
    return plain_order("/?" + random.Random(number).randbytes(5000).hex())


@pytest.fixture(autouse=True)
def _always_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_SECONDS", -1.0)


async def test_there_is_room_for_an_eighth(store: Store) -> None:
    """Of the memory for sightings, whether orders are many or long."""
    orders = Orders(store)
    room = room_of(store, 8 * MIB)
    assert await room.check()
    await orders.place([long_order(number) for number in range(100)])
    assert await room.check()
    await orders.place([long_order(number) for number in range(100, 200)])
    assert not await room.check()
    assert room.is_full
    other = room_of(store, 64 * MIB)
    assert await other.check()
    await orders.place([plain_order(f"/{number}") for number in range(12_000)])
    assert not await other.check()


async def test_a_store_that_is_nearly_full_has_no_room(small_store: Store) -> None:
    """Whatever fills it."""
    room = room_of(small_store)
    assert await room.check()
    for number in range(28):
        await small_store.redis.set(f"big{number}", bytes(2 * MIB - 4096))

    async def is_full() -> bool:
        return not await room.check()

    await eventually(is_full)
    await small_store.redis.config_set("maxmemory", 40 * MIB)
    assert not await room.check()
    await small_store.redis.flushall()
    await small_store.redis.config_set("maxmemory", 64 * MIB)
    await eventually(room.check)


async def test_a_cache_may_not_owe_too_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor too much: orders count that it has taken and those that it has not. Another cache's do not count."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    await orders.ensure_group("old")
    monkeypatch.setattr(module, "MAX_OWED", 10)
    room = room_of(store)
    ids = await orders.place([plain_order(f"/{number}") for number in range(10)])
    await orders.take("edge", "one", 5, 1)
    assert not await room.check()
    await orders.take("edge", "one", 5, 1)
    await finish(orders, "edge", ids[0])
    assert await room.check()
    await orders.place([long_order(number) for number in range(8)])
    await finish(orders, "edge", *ids[1:])
    assert await room.check()
    monkeypatch.setattr(module, "MAX_OWED_BYTES", 20_000)
    assert not await room.check()


async def test_a_store_without_orders_has_room(store: Store) -> None:
    """Before the first order, and after the store lost all."""
    assert await room_of(store).check()


async def test_a_flood_of_matches_leaves_room_for_unjudged_responses(store: Store) -> None:
    """They have a sixth. Whoever asks for it has it looked at again, and needs not wait."""
    orders, room = Orders(store), room_of(store, 8 * MIB)
    await room.start()
    try:
        await orders.place([long_order(number) for number in range(140)])
        assert not await room.check()
        assert room.has_room_for_unjudged()
        await orders.place([long_order(number) for number in range(140, 300)])
        await eventually(lambda: not room.has_room_for_unjudged())
        await store.redis.delete(store.key("{purges}", "orders"))
        await eventually(room.has_room_for_unjudged)
    finally:
        await room.close()

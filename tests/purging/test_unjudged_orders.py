"""Orders for responses that nobody could judge are waited for by everybody, and each is forgotten when it is done."""

import time

import pytest
from tests.purging.samples import finish
from tests.support.real_caches import target

from edgeward.purging import unjudged_orders as module
from edgeward.purging.orders import Orders
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.store.connection import Store
from edgeward.types import Cause, Delivery, PurgeOrder, placed_at

CACHES = ["inner", "outer"]


async def place(orders: Orders, count: int) -> list[str]:
    """Orders for as many responses, owed by both caches."""
    for cache in CACHES:
        await orders.ensure_group(cache)
    return await orders.place([PurgeOrder(target(f"/{n}"), Cause.UNJUDGED, time.time()) for n in range(count)])


async def kept(store: Store) -> set[str]:
    members = await store.redis.smembers(store.key("{purges}", "unjudged"))
    return {each.decode() for each in members}


async def test_a_cache_that_cannot_purge_one_has_not_done_it(store: Store) -> None:
    """It may hold the copy for ever: the order counts until it is trimmed."""
    orders = Orders(store)
    ids = await place(orders, 1)
    await finish(orders, "inner", *ids, delivery=Delivery.UNSUPPORTED)
    await finish(orders, "outer", *ids)
    for _ in range(2):
        assert await orders.wait_unjudged(CACHES, 60.0) == Unjudged(1)
    assert await kept(store) == set(ids)


async def test_a_refused_one_is_told_apart_and_hinders_no_other(store: Store) -> None:
    """It is not waited for; those that are done are forgotten beside it."""
    orders = Orders(store)
    refused, *others = await place(orders, 1200)
    await finish(orders, "inner", refused, delivery=Delivery.REFUSED)
    await finish(orders, "inner", *others)
    await finish(orders, "outer", refused, *others)
    assert await orders.wait_unjudged(CACHES, 60.0) == Unjudged(0, {"inner": 1})
    assert await kept(store) == {refused}


async def test_those_that_are_done_are_forgotten_beside_one_that_is_owed(store: Store) -> None:
    """The set does not grow while one cache is away for one of them."""
    orders = Orders(store)
    owed, *others = await place(orders, 1200)
    await finish(orders, "inner", *others)
    await finish(orders, "outer", owed, *others)
    assert await orders.wait_unjudged(CACHES, 0.0) == Unjudged(1)
    assert await kept(store) == {owed}


async def test_a_wait_ends_in_time_with_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that could not be looked at count as not done."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(module, "ORDERS_PER_POLL", 10)
    orders = Orders(store)
    await place(orders, 1000)
    looks, states = [], orders._completion.states

    async def counted(ids: list[str], caches: list[str]) -> list[tuple[str, str]]:
        looks.append(len(ids))
        return await states(ids, caches)

    monkeypatch.setattr(orders._completion, "states", counted)
    assert await orders.wait_unjudged(CACHES, 0.0) == Unjudged(1000)
    assert looks == [10]


async def test_only_older_ones(store: Store) -> None:
    """By when they were placed."""
    orders = Orders(store)
    (order_id,) = await place(orders, 1)
    at = placed_at(order_id)
    assert await orders.wait_unjudged(CACHES, 0.0, placed_before=at) == Unjudged()
    assert await orders.wait_unjudged(CACHES, 0.0, placed_before=at + 0.001) == Unjudged(1)


async def test_without_caches_nothing_is_owed(store: Store) -> None:
    """The orders are done."""
    orders = Orders(store)
    await place(orders, 1)
    assert await orders.wait_unjudged([], 0.0) == Unjudged()
    assert await kept(store) == set()

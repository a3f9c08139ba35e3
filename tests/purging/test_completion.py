"""Waiting for thousands of orders on a real Redis."""

import asyncio

from tests.purging.samples import finish, order

from edgeward.purging.orders import Orders
from edgeward.store.connection import Store
from edgeward.types import Delivery


async def test_names_the_caches_that_are_not_done(store: Store) -> None:
    """Waiting ends when all orders are done, and names the caches that owe or refused some."""
    orders = Orders(store)
    ids = await orders.place([order("/a"), order("/b")])
    assert await orders.wait_done(ids, ["one", "two"], 0.02) == {"one": 2, "two": 2}
    await finish(orders, "one", *ids)
    assert await orders.wait_done(ids, ["one", "two"], 0.02) == {"two": 2}
    await finish(orders, "two", ids[0])
    await finish(orders, "two", ids[1], delivery=Delivery.REFUSED)
    assert await orders.wait_done(ids, ["one", "two"], 60) == {"two": 1}
    assert await orders.wait_done(ids[:1], ["one", "two"], 60) == {}
    assert await orders.wait_done([], ["one"], 60) == {}
    assert await orders.wait_done(ids, [], 60) == {}


async def test_a_refusal_counts_while_another_cache_owes(store: Store) -> None:
    """A refused order counts as not removed at its cache, also while another cache still owes it."""
    orders = Orders(store)
    ids = await orders.place([order()])
    await finish(orders, "one", *ids, delivery=Delivery.REFUSED)
    assert await orders.wait_done(ids, ["one", "two"], 0) == {"one": 1, "two": 1}
    assert await orders.count_refused(ids, ["one", "two"]) == {"one": 1}
    assert await orders.count_refused(ids, []) == {}


async def test_counts_thousands(store: Store) -> None:
    """Every one of thousands of orders is counted, whichever are done."""
    orders = Orders(store)
    ids = await orders.place([order(f"/{number}") for number in range(1700)])
    await finish(orders, "one", *ids[:40], *ids[600:])
    await finish(orders, "two", *ids[::2])
    assert await orders.wait_done(ids, ["one", "two"], 0) == {"one": 560, "two": 850}


async def test_ends_soon_after_the_last_order(store: Store) -> None:
    """A wait for many orders ends soon after the last is done, and polls the store little until then."""
    orders = Orders(store)
    ids = await orders.place([order(f"/{number}") for number in range(2000)])
    before = await order_reads(store)
    waiting = asyncio.create_task(orders.wait_done(ids, ["edge"], 600))
    await asyncio.sleep(0.3)
    assert await order_reads(store) - before < 50 * len(ids)
    await finish(orders, "edge", *ids)
    assert await asyncio.wait_for(waiting, 60) == {}


async def order_reads(store: Store) -> int:
    """How often the outcomes of an order were read, ever."""
    return int((await store.redis.info("commandstats")).get("cmdstat_hmget", {"calls": 0})["calls"])

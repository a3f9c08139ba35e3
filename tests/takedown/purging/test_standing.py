"""Waiting for thousands of orders on a real Redis."""

import asyncio

from tests.takedown.purging.test_orders import finish, order

from edgeward.store.connection import Store
from edgeward.takedown.purging.orders import Orders
from edgeward.types import Delivery


async def test_names_who_owes(store: Store) -> None:
    """Waiting ends when all is gone, and names the caches that still owe something or refused it."""
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


async def test_a_refusal_is_owed_while_others_wait(store: Store) -> None:
    """What one cache refused counts as not removed there, also while another has not answered at all."""
    orders = Orders(store)
    ids = await orders.place([order()])
    await finish(orders, "one", *ids, delivery=Delivery.REFUSED)
    assert await orders.wait_done(ids, ["one", "two"], 0) == {"one": 1, "two": 1}


async def test_counts_all_of_many(store: Store) -> None:
    """Of thousands of orders every one is counted, whichever are done and in whatever order."""
    orders = Orders(store)
    ids = await orders.place([order(f"/{number}") for number in range(1700)])
    await finish(orders, "one", *ids[:40], *ids[600:])
    await finish(orders, "two", *ids[::2])
    assert await orders.wait_done(ids, ["one", "two"], 0) == {"one": 560, "two": 850}


async def test_ends_soon_after_the_last(store: Store) -> None:
    """Who waits for many learns of the end when it is there, and asks the store little meanwhile."""
    orders = Orders(store)
    ids = await orders.place([order(f"/{number}") for number in range(2000)])
    before = await looks(store)
    waiting = asyncio.create_task(orders.wait_done(ids, ["edge"], 600))
    await asyncio.sleep(0.3)
    assert await looks(store) - before < 50 * len(ids)
    await finish(orders, "edge", *ids)
    assert await asyncio.wait_for(waiting, 60) == {}


async def looks(store: Store) -> int:
    """How many orders were looked at, ever."""
    return int((await store.redis.info("commandstats")).get("cmdstat_hmget", {"calls": 0})["calls"])

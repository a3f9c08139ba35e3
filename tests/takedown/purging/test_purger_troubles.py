"""A purger before a cache in trouble: what one order or one node suffers from is in nobody else's way."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from tests.takedown.purging.scripted import AWAY, GONE, Scripted, cache
from tests.takedown.purging.test_purger import eventually, order, outcome, sample

from edgeward.config import PurgeSettings
from edgeward.errors import CacheUnavailable
from edgeward.store.connection import Store
from edgeward.takedown.caches.base import Purged
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.purging.purger import IN_HAND, Purger
from edgeward.types import Delivery, PurgeOrder

type Start = Callable[..., Awaitable[Purger]]

TOO_MANY = Purged(Delivery.WAITING, 429, "status 429", retry_after=0.6)


@pytest.fixture
def orders(store: Store) -> Orders:
    return Orders(store)


@pytest.fixture
async def start(orders: Orders) -> AsyncIterator[Start]:
    """Starts a purger on a scripted cache: `await start(driver, "edge", repeats=(1.0,))`."""
    async with AsyncExitStack() as stack:

        async def begin(
            driver: Scripted, name: str = "edge", repeats: Sequence[float] = (), longest: float = 0.4
        ) -> Purger:
            how = PurgeSettings(repeat_seconds=tuple(repeats), backoff_max_seconds=longest)
            purger = Purger(orders, cache(name), driver, how, [cache(name)])
            await purger.start()
            stack.push_async_callback(purger.close)
            return purger

        yield begin


def except_for(path: str, answer: Purged = AWAY) -> Callable[[str], Purged]:
    return lambda asked: answer if asked == path else GONE


async def test_many_orders_share_calls(orders: Orders, start: Start) -> None:
    """What is owed together is purged together, each once; a single order is purged within milliseconds."""
    driver = Scripted()
    ids = await orders.place([order(f"/{number}") for number in range(3000)])
    await start(driver)
    assert await orders.wait_done(ids, ["edge"], 10) == {}
    assert len(driver.calls) < 30
    assert sorted(driver.tries) == sorted(f"/{number}" for number in range(3000))
    (single,) = await orders.place([order("/single")])
    assert await orders.wait_done([single], ["edge"], 2) == {}
    placed, outcomes = (await orders.of([single]))[0]
    assert outcomes["edge"].at - placed.started_at < 0.1


async def test_calls_are_no_larger_than_the_cache_takes(orders: Orders, start: Start) -> None:
    """A cache that takes three at a time gets no more, and several calls at the same time."""
    driver = Scripted(batch=3)
    driver.open.clear()
    ids = await orders.place([order(f"/{number}") for number in range(12)])
    await start(driver)

    async def under_way() -> bool:
        return len(driver.calls) == 4

    await eventually(under_way)
    driver.open.set()
    assert await orders.wait_done(ids, ["edge"], 5) == {}
    assert max(map(len, driver.calls)) == 3


async def test_one_poisoned_order_is_in_nobodys_way(orders: Orders, start: Start) -> None:
    """An order that never gets through waits by itself: the others pass at once, it is tried rarely, and stays owed."""
    driver = Scripted(except_for("/poisoned"))
    await start(driver, "poisoned", longest=5)
    await orders.place([order("/poisoned")])
    for number in range(30):
        ids = await orders.place([order(f"/{number}")])
        assert await orders.wait_done(ids, ["poisoned"], 1) == {}
    assert 2 <= driver.tries.count("/poisoned") < 12
    assert (await orders.pending("poisoned"))[0] == 1
    driver.answer = except_for("")

    async def done() -> bool:
        return (await orders.pending("poisoned"))[0] == 0

    await eventually(done, 10)


async def test_one_that_spoils_its_call_is_in_nobodys_way(orders: Orders, start: Start) -> None:
    """Where one order makes a whole call fail, or breaks the driver, the others get through soon."""

    class Spoilt(Scripted):
        error: Exception = CacheUnavailable("status 500", 500)

        async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
            if any(order.target.path == "/bad" for order in orders):
                raise self.error
            return await super()._targets(orders)

    for error in (CacheUnavailable("status 500", 500), RuntimeError("defect")):
        driver = Spoilt()
        driver.error = error
        name = type(error).__name__
        ids = await orders.place([order("/bad" if number == 33 else f"/{number}") for number in range(100)])
        await start(driver, name)
        assert await orders.wait_done(ids[:33] + ids[34:], [name], 5) == {}
        assert await orders.wait_done(ids, [name], 0) == {name: 1}


async def test_too_many_requests_pause_the_whole_node(orders: Orders, start: Start) -> None:
    """After a 429 nothing is sent to that node until its time is up, new orders neither; other nodes go on."""
    limited, other = Scripted(lambda path: TOO_MANY), Scripted()
    await start(limited, "limited")
    await start(other, "other")
    first = await orders.place([order("/a")])
    assert await orders.wait_done(first, ["other"], 2) == {}

    async def asked() -> bool:
        return bool(limited.calls)

    await eventually(asked)
    began = time.monotonic()
    limited.answer = except_for("")
    more = await orders.place([order(f"/{number}") for number in range(10)])
    assert await orders.wait_done(more, ["other"], 0.5) == {}
    assert limited.calls == [["/a"]]
    assert await orders.wait_done([*first, *more], ["limited"], 5) == {}
    assert 0.4 < time.monotonic() - began < 2


async def test_a_retry_after_of_one_order_is_its_own(orders: Orders, start: Start) -> None:
    """A 503 with Retry-After holds back that order for as long as it says, and no other."""
    driver = Scripted(except_for("/busy", Purged(Delivery.WAITING, 503, "status 503", retry_after=0.9)))
    await start(driver)
    began = time.monotonic()
    (busy,) = await orders.place([order("/busy")])
    for number in range(10):
        ids = await orders.place([order(f"/{number}")])
        assert await orders.wait_done(ids, ["edge"], 0.8) == {}
    driver.answer = except_for("")
    assert await orders.wait_done([busy], ["edge"], 5) == {}
    assert time.monotonic() - began > 0.85
    assert driver.tries.count("/busy") <= 3


async def test_a_node_that_is_back_gets_all_it_is_owed(orders: Orders, start: Start) -> None:
    """When one order finds the node back, those that waited for it are done at once, however long their pauses are."""
    driver = Scripted(lambda path: AWAY)
    await start(driver, longest=600)
    ids = await orders.place([order("/a"), order("/b")])

    async def tried_often() -> bool:
        return driver.tries.count("/a") >= 6 and driver.tries.count("/b") >= 6

    await eventually(tried_often, 10)
    driver.answer = except_for("")
    more = await orders.place([order("/new")])
    assert await orders.wait_done([*ids, *more], ["edge"], 1.2) == {}


async def test_tries_at_a_dead_node_grow_rarer(orders: Orders, start: Start) -> None:
    """A node that is away is tried with growing pauses up to the longest one, for all its orders together."""
    driver = Scripted(lambda path: AWAY)
    times: list[float] = []
    driver.answer = lambda path: (times.append(time.monotonic()), AWAY)[1]
    await orders.place([order("/a")])
    await start(driver, "silent")
    await asyncio.sleep(2)
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert pauses[0] < 0.2 <= min(pauses[4:]) + 0.01
    assert max(pauses) < 0.7
    assert sample("edgeward_purges_total", cache="silent", outcome="retried") == len(times)


async def test_hours_away_fill_no_memory(orders: Orders, start: Start) -> None:
    """Of any number of orders that a node owes, a bounded number is in hand; the rest stays in the store."""
    driver = Scripted(lambda path: AWAY)
    ids = await orders.place([order(f"/{number}") for number in range(3 * IN_HAND)])
    purger = await start(driver)

    async def full() -> bool:
        return len(purger._jobs) == IN_HAND

    await eventually(full)
    await asyncio.sleep(0.5)
    assert len(purger._jobs) == IN_HAND
    driver.answer = except_for("")
    assert await orders.wait_done(ids, ["edge"], 10) == {}
    assert (await orders.pending("edge"))[0] == 0


async def test_repeats_are_no_sooner_than_makes_sense(orders: Orders, start: Start) -> None:
    """A cache for which a repeat is worth nothing before its time gets none before; those too early become one."""
    driver = Scripted(repeat_seconds=0.8)
    await start(driver, repeats=(0.1, 0.3, 1.2))
    (order_id,) = await orders.place([order("/a")])
    assert await orders.wait_done([order_id], ["edge"], 2) == {}
    done = (await outcome(orders, order_id)).at

    async def repeated() -> bool:
        return len(driver.calls) == 2

    await eventually(repeated)
    assert time.time() - done > 0.79
    await asyncio.sleep(0.6)
    assert len(driver.calls) == 3

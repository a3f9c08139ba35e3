"""A purger before a cache in trouble: what one order or one node suffers from is in nobody else's way.

Where a purge must not wait for something, that takes minutes here: the seconds that a test allows for are none of it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from tests.takedown.purging.scripted import AWAY, GONE, Clock, Scripted, cache
from tests.takedown.purging.test_purger import eventually, order, sample

from edgeward.config import PurgeSettings
from edgeward.errors import CacheUnavailable
from edgeward.store.connection import Store
from edgeward.takedown.caches.base import Purged
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.purging.purger import FULL_SECONDS, IN_HAND, Purger
from edgeward.types import Delivery, PurgeOrder

type Start = Callable[..., Awaitable[Purger]]

TOO_MANY = Purged(Delivery.WAITING, 429, "status 429", retry_after=600)
BUSY = Purged(Delivery.WAITING, 503, "status 503", retry_after=600)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which jobs wait: it stands still until the test moves it. The next order makes who waits look."""
    made = Clock()
    monkeypatch.setattr("edgeward.takedown.purging.jobs.time", made)
    return made


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


async def test_many_orders_share_calls(orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is owed together is purged together, each once; a single order is purged as it comes."""
    monkeypatch.setattr("edgeward.takedown.purging.purger.BLOCK_MS", 600_000)
    driver = Scripted()
    ids = await orders.place([order(f"/{number}") for number in range(3000)])
    await start(driver)
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert len(driver.calls) < 30
    assert sorted(driver.tries) == sorted(f"/{number}" for number in range(3000))
    assert await orders.wait_done(await orders.place([order("/single")]), ["edge"], 60) == {}


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
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert max(map(len, driver.calls)) == 3


async def test_one_poisoned_order_is_in_nobodys_way(orders: Orders, start: Start) -> None:
    """An order that never gets through waits by itself: the others pass at once, it is tried rarely, and stays owed."""
    driver = Scripted(except_for("/poisoned"))
    await start(driver, "poisoned", longest=5)
    await orders.place([order("/poisoned")])
    for number in range(30):
        ids = await orders.place([order(f"/{number}")])
        assert await orders.wait_done(ids, ["poisoned"], 60) == {}

    async def tried_again() -> bool:
        return driver.tries.count("/poisoned") >= 2

    await eventually(tried_again)
    assert driver.tries.count("/poisoned") < 15
    assert (await orders.pending("poisoned"))[0] == 1
    driver.answer = except_for("")

    async def done() -> bool:
        return (await orders.pending("poisoned"))[0] == 0

    await eventually(done)


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
        assert await orders.wait_done(ids[:33] + ids[34:], [name], 60) == {}
        assert await orders.wait_done(ids, [name], 0) == {name: 1}


async def test_too_many_requests_pause_the_whole_node(orders: Orders, start: Start, clock: Clock) -> None:
    """After a 429 nothing is sent to that node until its time is up, new orders neither; other nodes go on."""
    limited, other = Scripted(lambda path: TOO_MANY), Scripted()
    purger = await start(limited, "limited")
    await start(other, "other")
    ids = await orders.place([order("/a")])

    async def asked() -> bool:
        return bool(limited.calls)

    async def in_hand() -> bool:
        return len(purger._jobs) == len(ids)

    await eventually(asked)
    limited.answer = except_for("")
    ids += await orders.place([order(f"/{number}") for number in range(10)])
    await eventually(in_hand)
    clock.now += 590
    ids += await orders.place([order("/late")])
    await eventually(in_hand)
    assert await orders.wait_done(ids, ["other"], 60) == {}
    assert limited.calls == [["/a"]]
    clock.now += 11
    ids += await orders.place([order("/later")])
    assert await orders.wait_done(ids, ["limited", "other"], 60) == {}


async def test_a_retry_after_of_one_order_is_its_own(orders: Orders, start: Start, clock: Clock) -> None:
    """A 503 with Retry-After holds back that order for as long as it says, and no other."""
    driver = Scripted(except_for("/busy", BUSY))
    await start(driver)
    (busy,) = await orders.place([order("/busy")])

    async def others_pass(*paths: str) -> None:
        for path in paths:
            assert await orders.wait_done(await orders.place([order(path)]), ["edge"], 60) == {}

    await others_pass(*(f"/{number}" for number in range(10)))
    assert driver.tries.count("/busy") <= 3
    driver.answer = except_for("")
    clock.now += 590
    await others_pass("/late")
    assert await orders.wait_done([busy], ["edge"], 0) == {"edge": 1}
    clock.now += 11
    await others_pass("/later")
    assert await orders.wait_done([busy], ["edge"], 60) == {}


async def test_a_node_that_is_back_gets_all_it_is_owed(
    orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When one order finds the node back, those that waited for it are done at once, however long their pauses are."""
    monkeypatch.setattr("edgeward.takedown.purging.jobs.FIRST_PAUSE_SECONDS", 600)
    driver = Scripted(lambda path: AWAY)
    await start(driver, longest=3600)
    ids = await orders.place([order("/a"), order("/b")])

    async def tried() -> bool:
        return {"/a", "/b"} <= {*driver.tries}

    await eventually(tried)
    driver.answer = except_for("")
    ids += await orders.place([order("/new")])
    assert await orders.wait_done(ids, ["edge"], 60) == {}


async def test_tries_at_a_dead_node_grow_rarer(orders: Orders, start: Start) -> None:
    """A node that is away is tried with growing pauses, none beyond the longest one."""
    times: list[float] = []
    await orders.place([order("/a")])
    await start(Scripted(lambda path: (times.append(time.monotonic()), AWAY)[1]), "silent", longest=0.2)

    async def tried_often() -> bool:
        return len(times) >= 10

    # Without the longest pause the tenth try would come after 25 s.
    await eventually(tried_often)
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert pauses[0] >= 0.05 and min(pauses[1:]) >= 0.1
    assert sample("edgeward_purges_total", cache="silent", outcome="retried") == len(times)


async def test_hours_away_fill_no_memory(orders: Orders, start: Start) -> None:
    """Of any number of orders that a node owes, a bounded number is in hand; the rest stays in the store."""
    driver = Scripted(lambda path: AWAY)
    ids = await orders.place([order(f"/{number}") for number in range(3 * IN_HAND)])
    purger = await start(driver)

    async def full() -> bool:
        return len(purger._jobs) == IN_HAND

    await eventually(full)
    await asyncio.sleep(10 * FULL_SECONDS)
    assert len(purger._jobs) == IN_HAND
    driver.answer = except_for("")
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert (await orders.pending("edge"))[0] == 0


async def test_repeats_are_no_sooner_than_makes_sense(
    orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache for which a repeat is worth nothing before its time gets none before; those too early become one."""
    clock = Clock()
    monkeypatch.setattr("edgeward.takedown.purging.purger.time", clock)
    began, driver = clock.now, Scripted(repeat_seconds=800)
    purger = await start(driver, repeats=(100, 300, 1200))

    async def called(times: int) -> None:
        async def done() -> bool:
            return len(driver.calls) == times and not len(purger._jobs)

        await eventually(done)

    await orders.place([order("/a")])
    for number, due in enumerate((800, 1200), 1):
        await called(number)
        assert await orders.due_repeats("edge", began + due - 1) == []
        clock.now = began + due + 1
    await called(3)
    assert await orders.due_repeats("edge", began + 1e6) == []

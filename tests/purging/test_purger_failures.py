"""A purger whose cache fails: a failing order or node delays no other.

Where a test shows that a purge does not wait for something, that something would take minutes.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import pairwise

import pytest
from tests.purging.samples import metric_value, plain_order
from tests.purging.scripted import DOWN, REMOVED, Clock, ScriptedCache, cache
from tests.support.eventually import eventually

from edgeward.caches.base import Purged
from edgeward.errors import CacheUnavailable
from edgeward.purging.orders import Orders
from edgeward.purging.purger import FULL_PAUSE_SECONDS, MAX_HELD, Purger
from edgeward.settings.config import PurgeSettings
from edgeward.store.connection import Store
from edgeward.types import Cause, Delivery, PurgeOrder

type Start = Callable[..., Awaitable[Purger]]

TOO_MANY = Purged(Delivery.WAITING, 429, "status 429", retry_after=600)
BUSY = Purged(Delivery.WAITING, 503, "status 503", retry_after=600)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the retry queue: it stands still until the test moves it. The queue looks at it with each order."""
    made = Clock()
    monkeypatch.setattr("edgeward.purging.retry_queue.time", made)
    return made


@pytest.fixture
def orders(store: Store) -> Orders:
    return Orders(store)


@pytest.fixture
async def start(orders: Orders) -> AsyncIterator[Start]:
    """Starts a purger on a scripted cache: `await start(driver, "edge", repeats=(1.0,))`."""
    async with AsyncExitStack() as stack:

        async def begin(
            driver: ScriptedCache, name: str = "edge", repeats: Sequence[float] = (), longest: float = 0.4
        ) -> Purger:
            how = PurgeSettings(repeat_seconds=tuple(repeats), backoff_max_seconds=longest)
            purger = Purger(orders, cache(name), driver, how, [cache(name)])
            await purger.start()
            stack.push_async_callback(purger.close)
            return purger

        yield begin


def except_for(path: str, answer: Purged = DOWN) -> Callable[[str], Purged]:
    return lambda asked: answer if asked == path else REMOVED


async def test_many_orders_share_calls(orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders that wait together are purged together, each once; a single order is purged as it comes."""
    monkeypatch.setattr("edgeward.purging.purger.BLOCK_MS", 600_000)
    driver = ScriptedCache()
    ids = await orders.place([plain_order(f"/{number}") for number in range(3000)])
    await start(driver)
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert len(driver.calls) < 30
    assert sorted(driver.tries) == sorted(f"/{number}" for number in range(3000))
    assert await orders.wait_done(await orders.place([plain_order("/single")]), ["edge"], 60) == {}


async def test_calls_keep_the_batch_size_of_the_cache(orders: Orders, start: Start) -> None:
    """A cache that accepts three orders a call gets no more, but several calls at the same time."""
    driver = ScriptedCache(batch=3)
    driver.open.clear()
    ids = await orders.place([plain_order(f"/{number}") for number in range(12)])
    await start(driver)
    await eventually(lambda: len(driver.calls) == 4)
    driver.open.set()
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert max(map(len, driver.calls)) == 3


async def test_a_poisoned_order_delays_no_other(orders: Orders, start: Start) -> None:
    """An order that always fails waits by itself: others are done at once, it is retried rarely and stays owed."""
    driver = ScriptedCache(except_for("/poisoned"))
    await start(driver, "poisoned", longest=5)
    await orders.place([plain_order("/poisoned")])
    for number in range(30):
        ids = await orders.place([plain_order(f"/{number}")])
        assert await orders.wait_done(ids, ["poisoned"], 60) == {}
    await eventually(lambda: driver.tries.count("/poisoned") >= 2)
    assert driver.tries.count("/poisoned") < 15
    assert (await orders.pending("poisoned"))[0] == 1
    driver.answer = except_for("")

    async def done() -> bool:
        return (await orders.pending("poisoned"))[0] == 0

    await eventually(done)


async def test_an_order_that_makes_its_call_fail_delays_no_other(orders: Orders, start: Start) -> None:
    """If one order makes its whole call fail, or breaks the driver, the others are done soon."""

    class FailingCall(ScriptedCache):
        error: Exception = CacheUnavailable("status 500", 500)

        async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
            if any(order.target.path == "/bad" for order in orders):
                raise self.error
            return await super()._targets(orders)

    for error in (CacheUnavailable("status 500", 500), RuntimeError("defect")):
        driver = FailingCall()
        driver.error = error
        name = type(error).__name__
        ids = await orders.place([plain_order("/bad" if number == 33 else f"/{number}") for number in range(100)])
        await start(driver, name)
        assert await orders.wait_done(ids[:33] + ids[34:], [name], 60) == {}
        assert await orders.wait_done(ids, [name], 0) == {name: 1}


async def test_too_many_requests_pause_the_whole_node(orders: Orders, start: Start, clock: Clock) -> None:
    """After a 429 nothing is sent to that node until Retry-After has passed; other nodes continue."""
    limited, other = ScriptedCache(lambda path: TOO_MANY), ScriptedCache()
    purger = await start(limited, "limited")
    await start(other, "other")
    ids = await orders.place([plain_order("/a")])

    async def in_hand() -> bool:
        return purger.held == len(ids)

    await eventually(lambda: bool(limited.calls))
    limited.answer = except_for("")
    ids += await orders.place([plain_order(f"/{number}") for number in range(10)])
    await eventually(in_hand)
    clock.now += 590
    ids += await orders.place([plain_order("/late")])
    await eventually(in_hand)
    assert await orders.wait_done(ids, ["other"], 60) == {}
    assert limited.calls == [["/a"]]
    clock.now += 11
    ids += await orders.place([plain_order("/later")])
    assert await orders.wait_done(ids, ["limited", "other"], 60) == {}


async def test_retry_after_of_a_503_delays_one_order(orders: Orders, start: Start, clock: Clock) -> None:
    """A 503 with Retry-After delays its own order for that time, and no other."""
    driver = ScriptedCache(except_for("/busy", BUSY))
    await start(driver)
    (busy,) = await orders.place([plain_order("/busy")])

    async def others_pass(*paths: str) -> None:
        for path in paths:
            assert await orders.wait_done(await orders.place([plain_order(path)]), ["edge"], 60) == {}

    await others_pass(*(f"/{number}" for number in range(10)))
    assert driver.tries.count("/busy") <= 3
    driver.answer = except_for("")
    clock.now += 590
    await others_pass("/late")
    assert await orders.wait_done([busy], ["edge"], 0) == {"edge": 1}
    clock.now += 11
    await others_pass("/later")
    assert await orders.wait_done([busy], ["edge"], 60) == {}


async def test_a_node_that_is_up_again_gets_all_its_orders(
    orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When one order succeeds, those that waited for the node are done at once, however long their pauses are."""
    monkeypatch.setattr("edgeward.purging.retry_queue.FIRST_PAUSE_SECONDS", 600)
    driver = ScriptedCache(lambda path: DOWN)
    await start(driver, longest=3600)
    ids = await orders.place([plain_order("/a"), plain_order("/b")])
    await eventually(lambda: {"/a", "/b"} <= {*driver.tries})
    driver.answer = except_for("")
    ids += await orders.place([plain_order("/new")])
    assert await orders.wait_done(ids, ["edge"], 60) == {}


async def test_nothing_is_found_only_where_every_attempt_was_answered(orders: Orders, start: Start) -> None:
    """An attempt that got no answer may have removed the copy that the next one does not find."""
    answers = {"/lost": [replace(DOWN, unanswered=True)], "/away": [DOWN]}
    await start(ScriptedCache(lambda path: answers[path].pop() if answers[path] else REMOVED))
    ids = await orders.place([plain_order(path) for path in answers])
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert [(await orders.get(each))[1]["edge"].removed for each in ids] == [None, 0]


async def test_pauses_at_a_dead_node_grow(orders: Orders, start: Start) -> None:
    """A node that is down is retried after growing pauses, none longer than the limit."""
    times: list[float] = []
    await orders.place([plain_order("/a")])
    await start(ScriptedCache(lambda path: (times.append(time.monotonic()), DOWN)[1]), "silent", longest=0.2)
    # Without the longest pause the tenth try would come after 25 s.
    await eventually(lambda: len(times) >= 10)
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert pauses[0] >= 0.05 and min(pauses[1:]) >= 0.1
    # A try is counted when its answer has come.
    await eventually(
        lambda: metric_value("edgeward_purges_total", cache="silent", outcome="retried") == len(times), "the count"
    )


async def test_a_long_outage_fills_no_memory(orders: Orders, start: Start) -> None:
    """Of the orders that a node owes, a limited number is held in memory; the rest stays in the store."""
    driver = ScriptedCache(lambda path: DOWN)
    ids = await orders.place([plain_order(f"/{number}") for number in range(3 * MAX_HELD)])
    purger = await start(driver)
    await eventually(lambda: purger.held == MAX_HELD)
    await asyncio.sleep(10 * FULL_PAUSE_SECONDS)
    assert purger.held == MAX_HELD
    driver.answer = except_for("")
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert (await orders.pending("edge"))[0] == 0


async def test_repeats_keep_the_minimum_of_the_cache(
    store: Store, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No repeat comes before the minimum that the cache needs; the repeats that would become one."""
    clock = Clock()
    monkeypatch.setattr(store.clock, "now", clock.time)
    began, driver = clock.now, ScriptedCache(repeat_seconds=800)
    purger = await start(driver, repeats=(100, 300, 1200))

    async def called(times: int) -> None:
        async def done() -> bool:
            return len(driver.calls) == times and not purger.held

        await eventually(done)

    await orders.place([plain_order("/a")])
    for number, due in enumerate((800, 1200), 1):
        await called(number)
        assert await orders.due_repeats("edge", began + due - 1) == []
        clock.now = began + due + 1
    await called(3)
    assert await orders.due_repeats("edge", began + 1e6) == []


class _ClosedWith(ScriptedCache):
    """Has the purger closed at the very moment when its first call ends."""

    def __init__(self) -> None:
        super().__init__(batch=1)
        self.purger: Purger | None = None
        self.closing: asyncio.Task[None] | None = None
        self.under_way = self.under_way_when_closed = 0

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        call = asyncio.current_task()
        assert call is not None
        if not self.calls:
            call.add_done_callback(self._close_purger)
        self.under_way += 1
        try:
            return await super()._targets(orders)
        finally:
            self.under_way -= 1

    def _close_purger(self, call: asyncio.Task[object]) -> None:
        assert self.purger is not None
        self.open.clear()
        # Eager: `close` begins before the loop that the end of the call has woken.
        self.closing = asyncio.Task(self.purger.close(), loop=asyncio.get_running_loop(), eager_start=True)

    async def close(self) -> None:
        self.under_way_when_closed = self.under_way


async def test_no_call_outlives_the_purger(orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is started while the purger closes is ended too: nothing uses the driver after it is closed."""
    monkeypatch.setattr("edgeward.purging.purger.MAX_CONCURRENT_CALLS", 1)
    driver = _ClosedWith()
    driver.open.clear()
    driver.purger = await start(driver)
    await orders.place([plain_order(f"/{number}") for number in range(5)])
    await eventually(lambda: driver.calls and driver.purger and driver.purger.held == 5)
    driver.open.set()
    await eventually(lambda: driver.closing is not None)
    assert driver.closing
    await driver.closing
    for _ in range(10):
        await asyncio.sleep(0)  # whatever was started begins
    assert (driver.under_way_when_closed, driver.under_way) == (0, 0)


async def test_why_an_order_waits_is_on_record(orders: Orders, start: Start) -> None:
    """While the cache does not answer, the last failure and the attempts so far; then the outcome, with the copies that
    all attempts removed."""
    answers = [Purged(Delivery.WAITING, 503, "status 503", count=1)]
    driver = ScriptedCache(lambda _: answers[-1])
    (order_id,) = await orders.place([plain_order("/p")])
    await start(driver)

    async def is_noted() -> bool:
        return bool(await orders.failed_attempts.of([order_id], ["edge"]))

    await eventually(is_noted, "the failure is on record")
    noted = (await orders.failed_attempts.of([order_id], ["edge"]))[order_id]["edge"]
    assert (noted.delivery, noted.status, noted.detail) == (Delivery.WAITING, 503, "status 503")
    assert noted.attempts >= 1
    answers.append(REMOVED)
    assert await orders.wait_done([order_id], ["edge"], 60) == {}
    assert ((await orders.get(order_id))[1]["edge"].removed or 0) >= 1
    assert await orders.failed_attempts.of([order_id], ["edge"]) == {}


class FetchingCache(ScriptedCache):
    """A purge of a target below /fetching waits for the end of a fetch: `open`. Without that it gets no answer if
    `times_out`."""

    times_out = False

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        self.calls.append([order.target.path for order in orders])
        if not any(map(self.is_fetching, orders)):
            return [REMOVED] * len(orders)
        if not self.times_out:
            await self.open.wait()
        late = Purged(Delivery.WAITING, 0, "no answer within 2 s", timed_out=True)
        return [late if self.is_fetching(order) else REMOVED for order in orders]

    def is_fetching(self, order: PurgeOrder) -> bool:
        return not self.open.is_set() and order.target.path.startswith("/fetching")


async def place_unjudged(orders: Orders, count: int) -> list[str]:
    """Orders for responses that broke off, which the cache is still fetching."""
    return await orders.place(
        [replace(plain_order(f"/fetching{number}"), cause=Cause.UNJUDGED) for number in range(count)]
    )


async def test_purges_that_wait_for_fetches_delay_no_other(orders: Orders, start: Start) -> None:
    """However many purges of broken off responses wait for the cache, a listed image is purged at once."""
    driver = FetchingCache(batch=16, waits=True)
    driver.open.clear()
    # More than all calls take.
    unjudged = await place_unjudged(orders, 800)
    await start(driver)
    await eventually(lambda: len(driver.calls) >= 4)
    listed = await orders.place([plain_order(f"/listed{number}") for number in range(10)])
    assert await orders.wait_done(listed, ["edge"], 60) == {}
    assert await orders.wait_done(unjudged, ["edge"], 0) == {"edge": len(unjudged)}
    driver.open.set()
    assert await orders.wait_done(unjudged, ["edge"], 60) == {}


async def test_slow_purges_fill_no_place_of_others(
    orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many slow purges as may be held in memory keep no other order in the store."""
    monkeypatch.setattr("edgeward.purging.purger.MAX_HELD", 64)
    driver = FetchingCache(waits=True)
    driver.open.clear()
    purger = await start(driver)
    await place_unjudged(orders, 100)
    await eventually(lambda: purger.held == 100)
    listed = await orders.place([plain_order(f"/listed{number}") for number in range(10)])
    assert await orders.wait_done(listed, ["edge"], 60) == {}
    await place_unjudged(orders, 100)
    await eventually(lambda: purger.held == 128)


async def test_a_cache_that_waits_for_a_fetch_is_not_down(
    orders: Orders, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """A purge of a broken off response that gets no answer says nothing of the node."""
    caplog.set_level(logging.INFO)
    driver = FetchingCache(batch=256, waits=True)
    driver.times_out = True
    driver.open.clear()
    await start(driver, "waiting")
    ids = await place_unjudged(orders, 40)
    await eventually(lambda: driver.tries.count("/fetching0") >= 2)
    driver.open.set()
    assert await orders.wait_done(ids, ["waiting"], 60) == {}
    assert [text for text in caplog.messages if text.startswith("cache waiting")] == []

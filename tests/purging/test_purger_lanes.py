"""How many purges a purger holds, and which do not wait for which."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.caches.http_server import http_server
from tests.purging.samples import plain_order
from tests.purging.scripted import REMOVED, ScriptedCache, cache
from tests.support.eventually import eventually

from edgeward.caches.base import Purged
from edgeward.purging.orders import Orders
from edgeward.purging.purger import MAX_HELD, Purger, purgers
from edgeward.settings.config import Config, PurgeSettings
from edgeward.store.connection import Store
from edgeward.types import Cause, PurgeOrder

type Start = Callable[[ScriptedCache], Awaitable[Purger]]


@pytest.fixture
def orders(store: Store) -> Orders:
    return Orders(store)


@pytest.fixture
async def start(orders: Orders) -> AsyncIterator[Start]:
    """Starts a purger on a scripted cache."""
    async with AsyncExitStack() as stack:

        async def begin(driver: ScriptedCache) -> Purger:
            purger = Purger(orders, cache("edge"), driver, PurgeSettings(repeat_seconds=()), [cache("edge")])
            await purger.start()
            stack.push_async_callback(purger.close)
            return purger

        yield begin


class HangingMatches(ScriptedCache):
    """Calls with purges of paths below /match/ wait until `open` is set."""

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        if any(order.target.path.startswith("/match/") for order in orders):
            return await super()._targets(orders)
        self.calls.append([order.target.path for order in orders])
        return [REMOVED] * len(orders)


async def test_matches_in_transit_delay_no_listing(orders: Orders, start: Start) -> None:
    """However many a client causes, before a listing and after it, and however slow the cache is with them. All are
    done in the end."""
    driver = HangingMatches(batch=50)
    driver.open.clear()
    await start(driver)
    flood = [replace(plain_order(f"/match/{number}"), cause=Cause.MATCH) for number in range(2 * MAX_HELD)]
    matches = await orders.place(flood)
    await eventually(lambda: driver.calls)
    for number in range(3):
        listed = await orders.place([plain_order(f"/listed/{number}")])
        assert await orders.wait_done(listed, ["edge"], 60) == {}
    assert await orders.wait_done(matches, ["edge"], 0) == {"edge": len(matches)}
    driver.open.set()
    assert await orders.wait_done(matches, ["edge"], 60) == {}
    assert len(set(driver.tries)) == len(matches) + 3


async def test_what_is_held_is_bounded_by_bytes(orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long targets stay in the store while those that are held take too much, and are purged after them."""
    monkeypatch.setattr("edgeward.purging.purger.MAX_HELD_BYTES", 2_000_000)
    monkeypatch.setattr("edgeward.purging.purger.MAX_CALL_SIZE", 4)
    driver = ScriptedCache()
    driver.open.clear()
    purger = await start(driver)
    ids = await orders.place([plain_order(f"/{number}?" + "x" * 60_000) for number in range(200)])
    await eventually(lambda: purger.held >= 33)
    assert purger.held < 40
    driver.open.set()
    assert await orders.wait_done(ids, ["edge"], 60) == {}


@pytest.mark.parametrize("driver", ["varnish", "trafficserver"])
async def test_what_waits_in_a_cache_is_soon_known_to_wait(orders: Orders, driver: str) -> None:
    """Those who wait for a listing do so for five seconds; `timeout_ms` may be longer. It stays in the cache, beside
    purges that use all of that time."""

    async def hang(head: bytes, number: int) -> None:
        await asyncio.Event().wait()

    async with http_server(hang) as (url, heads):
        edge = {"name": "edge", "driver": driver, "url": url, "timeout_ms": 60_000}
        (purger,) = purgers(orders, Config.model_validate({"caches": [edge]}))
        others = [replace(plain_order(f"/late/{number}"), cause=Cause.UNJUDGED) for number in range(100)]
        await orders.place(others)
        await purger.start()
        await eventually(lambda: heads)
        waits = replace(plain_order("/silent"), cause=Cause.UNJUDGED, unanswered=True)
        (order_id,) = await orders.place([waits])

        async def waits_there() -> bool:
            attempts = await orders.failed_attempts.of([order_id], ["edge"])
            return "edge" in (found := attempts.get(order_id, {})) and found["edge"].timed_out

        def sent() -> int:
            return sum(b"/silent" in head for head in heads)

        await eventually(sent)
        began = time.monotonic()
        await eventually(waits_there)
        assert time.monotonic() - began < 30.0  # of 60; a busy machine may stand still for a while
        await eventually(lambda: sent() >= 3)
        await purger.close()

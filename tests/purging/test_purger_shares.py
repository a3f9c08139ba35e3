"""Several controllers purge one cache: they share its orders, and take over those of a dead one."""

import asyncio
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from tests.purging.leases import idle_seconds, set_idle
from tests.purging.samples import metric_value, plain_order
from tests.purging.scripted import DOWN, ScriptedCache, cache
from tests.store.server import Server
from tests.support.eventually import eventually
from tests.support.programs import require

from edgeward.purging import purger as purging
from edgeward.purging.orders import Orders
from edgeward.purging.outcome_writer import OutcomeWriter
from edgeward.purging.purger import Purger
from edgeward.settings.config import PurgeSettings
from edgeward.store.connection import Store

type Start = Callable[..., Awaitable[Purger]]

PURGER = "edgeward.purging.purger"


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a purger under a controller's name: `await start(store, driver, "one")`."""
    async with AsyncExitStack() as stack:

        async def begin(store: Store, driver: ScriptedCache, consumer: str) -> Purger:
            purger = purger_of(store, driver, consumer)
            await purger.start()
            stack.push_async_callback(purger.close)
            return purger

        yield begin


def purger_of(store: Store, driver: ScriptedCache, consumer: str) -> Purger:
    return Purger(Orders(store), cache(), driver, PurgeSettings(repeat_seconds=()), [cache()], consumer)


async def test_controllers_share_the_orders(store: Store, start: Start) -> None:
    """Each order is done by one controller, and both do some."""
    orders, drivers = Orders(store), (ScriptedCache(), ScriptedCache())
    await orders.ensure_group("edge")
    for name, driver in zip(("one", "two"), drivers, strict=True):
        await start(store, driver, name)
    ids = []
    for number in range(40):
        ids += await orders.place([plain_order(f"/{number}")])
        await asyncio.sleep(0.005)
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert set(Counter(drivers[0].tries + drivers[1].tries).values()) == {1}
    assert all(driver.tries for driver in drivers)


def hang(url: str, namespace: str) -> None:
    """A controller that takes orders, never completes one, and renews their leases all the time."""
    purging.MAINTENANCE_SECONDS = purging.RENEW_AFTER_SECONDS = 0.1
    purging.CLAIM_SECONDS = 3600.0

    async def run() -> None:
        store = await Store.connect(url, namespace)
        await purger_of(store, ScriptedCache(lambda path: DOWN), "doomed").start()
        await asyncio.Event().wait()

    asyncio.run(run())


async def test_a_killed_controller_is_replaced(
    redis_url: str, store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The orders of a killed controller are done by another soon after, and none of them before."""
    monkeypatch.setattr(f"{PURGER}.CLAIM_SECONDS", 3.0)
    monkeypatch.setattr(f"{PURGER}.MAINTENANCE_SECONDS", 0.1)
    orders, driver = Orders(store), ScriptedCache()
    await orders.ensure_group("edge")
    ids = await orders.place([plain_order(f"/{number}") for number in range(800)])
    doomed = multiprocessing.get_context("spawn").Process(target=hang, args=(redis_url, store.namespace))
    doomed.start()
    try:
        await eventually(lambda: _has_taken(store, b"doomed", 800))
        await set_idle(store, "doomed", ids, 600)
        await eventually(lambda: _all_renewed(store, ids))
        await start(store, driver, "survivor")
        await eventually(lambda: _reported(800))
        assert driver.calls == []
        assert doomed.pid
        os.kill(doomed.pid, signal.SIGKILL)
        assert await orders.wait_done(ids, ["edge"], 60) == {}
        assert sorted(driver.tries) == sorted(f"/{number}" for number in range(800))
    finally:
        doomed.kill()
        doomed.join(60)


async def _has_taken(store: Store, consumer: bytes, count: int) -> bool:
    found = await store.redis.xinfo_consumers(store.key("{purges}", "orders"), "edge")
    return {each["name"]: each["pending"] for each in found}.get(consumer) == count


async def _all_renewed(store: Store, ids: list[str]) -> bool:
    """Whether the leases of all of them were renewed lately."""
    found = await idle_seconds(store)
    return list(found) == ids and max(found.values()) < 300


async def _reported(owed: int) -> bool:
    """Whether a purger of this process has set the gauge, which it does after it has claimed what it can."""
    return metric_value("edgeward_purges_pending", cache="edge") == owed


async def test_death_between_purging_and_recording(store: Store, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a controller dies before it records a purge, its successor purges again at once."""
    monkeypatch.setattr(f"{PURGER}.CLAIM_SECONDS", 600)
    orders, first, second = Orders(store), ScriptedCache(), ScriptedCache()
    await orders.ensure_group("edge")
    ids = await orders.place([plain_order(f"/{number}") for number in range(50)])
    with monkeypatch.context() as dying:
        dying.setattr(OutcomeWriter, "put", lambda *result: None)
        purger = await start(store, first, "same")
        await eventually(lambda: len(first.tries) == 50)
        await purger.close()
    assert await orders.wait_done(ids, ["edge"], 0) == {"edge": 50}
    await start(store, second, "same")
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert sorted(second.tries) == sorted(first.tries)


async def test_the_store_is_killed_and_comes_back(tmp_path: Path, start: Start) -> None:
    """The store is killed twice while orders are placed and purged: every order that it accepted is done."""
    server = Server(tmp_path, require("redis-server"))
    await server.start()
    store = await Store.connect(server.url)
    orders, placed = Orders(store), list[str]()
    for name in ("one", "two"):
        await start(store, ScriptedCache(), name)
    placing = asyncio.create_task(_place(orders, placed))
    for stretch in (1, 2, 3):
        await eventually(partial(_reached, placed, 100 * stretch))
        if stretch < 3:
            await server.restart()
    placing.cancel()
    assert await orders.wait_done(placed, ["edge"], 60) == {}
    await store.close()
    server.kill()


async def _reached(placed: list[str], count: int) -> bool:
    return len(placed) >= count


async def _place(orders: Orders, placed: list[str]) -> None:
    number = 0
    while True:
        try:
            placed += await orders.place([plain_order(f"/{number}"), plain_order(f"/{number}?")])
        except Exception:
            await asyncio.sleep(0.01)
        number += 1
        await asyncio.sleep(0.002)


async def test_a_store_that_lost_its_data(store: Store, start: Start) -> None:
    """After the store lost its data, orders placed from then on are done."""
    orders, driver = Orders(store), ScriptedCache()
    await start(store, driver, "one")
    ids = await orders.place([plain_order("/before")])
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    await store.redis.delete(*(await store.redis.keys(store.key("*"))))
    ids = await orders.place([plain_order("/after")])
    assert await orders.wait_done(ids, ["edge"], 60) == {}


async def test_leases_are_renewed_while_old_orders_are_trimmed(
    store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trim that takes long does not let another controller take the orders that this one holds."""
    monkeypatch.setattr(f"{PURGER}.MAINTENANCE_SECONDS", 0.01)
    monkeypatch.setattr(f"{PURGER}.RENEW_AFTER_SECONDS", 0.0)
    trims = asyncio.Event()

    async def trim_for_ever(orders: Orders, keep_seconds: float) -> None:
        trims.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Orders, "trim", trim_for_ever)
    orders, driver = Orders(store), ScriptedCache()
    driver.open.clear()
    await start(store, driver, "one")
    await trims.wait()
    ids = await orders.place([plain_order("/a")])
    await eventually(lambda: driver.calls)
    await set_idle(store, "one", ids, 600)
    await eventually(lambda: _all_renewed(store, ids))

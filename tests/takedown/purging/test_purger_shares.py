"""Several purgers of one cache, in as many controllers: they share its orders, and what one leaves the others do."""

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
from tests.parts import require
from tests.store.server import Server
from tests.takedown.purging.owed import leave_alone, left_alone
from tests.takedown.purging.scripted import AWAY, Scripted, cache
from tests.takedown.purging.test_purger import eventually, order, sample

from edgeward.config import PurgeSettings
from edgeward.store.connection import Store
from edgeward.takedown.purging import purger as purging
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.purging.purger import Purger

type Start = Callable[..., Awaitable[Purger]]

PURGER = "edgeward.takedown.purging.purger"


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a purger under a controller's name: `await start(store, driver, "one")`."""
    async with AsyncExitStack() as stack:

        async def begin(store: Store, driver: Scripted, consumer: str) -> Purger:
            purger = purger_of(store, driver, consumer)
            await purger.start()
            stack.push_async_callback(purger.close)
            return purger

        yield begin


def purger_of(store: Store, driver: Scripted, consumer: str) -> Purger:
    return Purger(Orders(store), cache(), driver, PurgeSettings(repeat_seconds=()), [cache()], consumer)


async def test_share_the_work(store: Store, start: Start) -> None:
    """Each order is done by one of them, and both have some."""
    orders, drivers = Orders(store), (Scripted(), Scripted())
    await orders.ensure_group("edge")
    for name, driver in zip(("one", "two"), drivers, strict=True):
        await start(store, driver, name)
    ids = []
    for number in range(40):
        ids += await orders.place([order(f"/{number}")])
        await asyncio.sleep(0.005)
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert set(Counter(drivers[0].tries + drivers[1].tries).values()) == {1}
    assert all(driver.tries for driver in drivers)


def hang(url: str, namespace: str) -> None:
    """A controller that takes orders and never gets one through, and holds them all the time."""
    purging.CARE_SECONDS = purging.HOLD_SECONDS = 0.1
    purging.CLAIM_SECONDS = 3600.0

    async def run() -> None:
        store = await Store.connect(url, namespace)
        await purger_of(store, Scripted(lambda path: AWAY), "doomed").start()
        await asyncio.Event().wait()

    asyncio.run(run())


async def test_a_killed_one_is_replaced(
    redis_url: str, store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a controller held that is killed is done by another soon after, and nothing before it dies."""
    monkeypatch.setattr(f"{PURGER}.CLAIM_SECONDS", 3.0)
    monkeypatch.setattr(f"{PURGER}.CARE_SECONDS", 0.1)
    orders, driver = Orders(store), Scripted()
    await orders.ensure_group("edge")
    ids = await orders.place([order(f"/{number}") for number in range(800)])
    doomed = multiprocessing.get_context("spawn").Process(target=hang, args=(redis_url, store.namespace))
    doomed.start()
    try:
        await eventually(lambda: _holds(store, b"doomed", 800))
        await leave_alone(store, "doomed", ids, 600)
        await eventually(lambda: _held(store, ids))
        await start(store, driver, "survivor")
        await eventually(lambda: _reported(800))
        assert driver.calls == []
        assert doomed.pid
        os.kill(doomed.pid, signal.SIGKILL)
        assert await orders.wait_done(ids, ["edge"], 60) == {}
        assert sorted(driver.tries) == sorted(f"/{number}" for number in range(800))
    finally:
        doomed.kill()
        doomed.join(10)


async def _holds(store: Store, consumer: bytes, count: int) -> bool:
    found = await store.redis.xinfo_consumers(store.key("{purges}", "orders"), "edge")
    return {each["name"]: each["pending"] for each in found}.get(consumer) == count


async def _held(store: Store, ids: list[str]) -> bool:
    """Whether all of them have been held lately."""
    found = await left_alone(store)
    return list(found) == ids and max(found.values()) < 300


async def _reported(owed: int) -> bool:
    """Whether a purger of this process has told what is owed, which it does after it has claimed what it may."""
    return sample("edgeward_purges_pending", cache="edge") == owed


async def test_dies_between_purging_and_recording(store: Store, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was purged by a controller that died before it was on record is purged again by its successor, at once."""
    monkeypatch.setattr(f"{PURGER}.CLAIM_SECONDS", 600)
    orders, first, second = Orders(store), Scripted(), Scripted()
    await orders.ensure_group("edge")
    ids = await orders.place([order(f"/{number}") for number in range(50)])
    purger = await start(store, first, "same")
    purger._results.put = lambda *result: None  # type: ignore[method-assign]

    async def purged() -> bool:
        return len(first.tries) == 50

    await eventually(purged)
    await purger.close()
    assert await orders.wait_done(ids, ["edge"], 0) == {"edge": 50}
    await start(store, second, "same")
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert sorted(second.tries) == sorted(first.tries)


async def test_the_store_is_killed_and_comes_back(tmp_path: Path, start: Start) -> None:
    """While orders are placed and purged the store is killed, twice: every order it took is done in the end."""
    server = Server(tmp_path, require("redis-server"))
    await server.start()
    store = await Store.connect(server.url)
    orders, placed = Orders(store), list[str]()
    for name in ("one", "two"):
        await start(store, Scripted(), name)
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
            placed += await orders.place([order(f"/{number}"), order(f"/{number}?")])
        except Exception:
            await asyncio.sleep(0.01)
        number += 1
        await asyncio.sleep(0.002)


async def test_a_store_that_lost_its_data(store: Store, start: Start) -> None:
    """After the store lost everything, orders placed from then on are done."""
    orders, driver = Orders(store), Scripted()
    await start(store, driver, "one")
    ids = await orders.place([order("/before")])
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    await store.redis.delete(*(await store.redis.keys(store.key("*"))))
    ids = await orders.place([order("/after")])
    assert await orders.wait_done(ids, ["edge"], 60) == {}

"""Purges that a cache refused are retried as soon as it carries out any, or somebody asks for it.

By their schedule they would be retried after minutes: longer than any test waits.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from tests.purging.samples import plain_order
from tests.purging.scripted import REMOVED, ScriptedCache, cache
from tests.support.eventually import eventually

from edgeward.caches.base import Purged
from edgeward.purging.orders import Orders
from edgeward.purging.purger import Purger
from edgeward.purging.refused_retries import RETRIES_PER_COMMAND, RefusedRetries, RefusedRetry
from edgeward.purging.repeat_schedule import LEASE_SECONDS, RepeatSchedule
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.settings.config import PurgeSettings
from edgeward.store.connection import Store
from edgeward.types import Delivery

type Start = Callable[..., Awaitable[Purger]]

BAD_TOKEN = Purged(Delivery.REFUSED, 401, "fix token")
BAD_URL = Purged(Delivery.REFUSED, 400, "Invalid URL")
PAUSED = Purged(Delivery.WAITING, 429, "status 429", retry_after=3000)
MINUTES = 300.0


@pytest.fixture
def orders(store: Store) -> Orders:
    return Orders(store)


@pytest.fixture
async def start(orders: Orders) -> AsyncIterator[Start]:
    """Starts a controller's purger on a scripted cache."""
    async with AsyncExitStack() as stack:

        async def begin(driver: ScriptedCache, consumer: str = "one") -> Purger:
            settings = PurgeSettings(repeat_seconds=(), backoff_max_seconds=MINUTES)
            purger = Purger(orders, cache("cdn"), driver, settings, [cache("cdn")], consumer)
            await purger.start()
            stack.push_async_callback(purger.close)
            return purger

        yield begin


async def reach(of: Orders, ids: list[str], delivery: Delivery) -> None:
    async def reached() -> bool:
        found = await of.get_many(ids)
        return {outcomes["cdn"].delivery if "cdn" in outcomes else None for _, outcomes in found} == {delivery}

    await eventually(reached)


async def test_any_yes_releases_what_was_refused(store: Store, orders: Orders, start: Start) -> None:
    """The token is mended, and one new purge is carried out: all that was refused before follows at once, and nothing
    is remembered of it."""
    driver = ScriptedCache(lambda _: BAD_TOKEN)
    await start(driver)
    ids = await orders.place([plain_order(f"/{number}") for number in range(20)])
    await reach(orders, ids, Delivery.REFUSED)
    driver.answer = lambda _: REMOVED
    await orders.place([plain_order("/new")])
    await reach(orders, ids, Delivery.VERIFIED)
    assert await orders.refused("cdn") == 0

    async def nothing_is_left() -> bool:
        return not await store.redis.exists(*orders.refused_retries.keys("cdn"))

    await eventually(nothing_is_left)


async def test_what_is_refused_alone_costs_no_further_calls(store: Store, orders: Orders, start: Start) -> None:
    """A bad URL is retried once at most while the cache carries out others, however many these are."""
    driver = ScriptedCache(lambda path: BAD_URL if path == "/bad" else REMOVED)
    await start(driver)
    bad = await orders.place([plain_order("/bad")])
    await reach(orders, bad, Delivery.REFUSED)
    for number in range(3):
        await reach(orders, await orders.place([plain_order(f"/{number}")]), Delivery.VERIFIED)
    await eventually(lambda: driver.tries.count("/bad") == 2)
    retries, own, _ = orders.refused_retries.keys("cdn")

    async def is_own() -> bool:
        return bool(await store.redis.scard(own)) and not await store.redis.scard(retries)

    await eventually(is_own)
    await reach(orders, await orders.place([plain_order("/last")]), Delivery.VERIFIED)
    assert await orders.refused_retries.release("cdn") == 0
    assert driver.tries.count("/bad") == 2


async def test_a_restarted_controller_retries_at_once(orders: Orders, start: Start) -> None:
    """A token is mended in the settings, which are read at the start."""
    driver = ScriptedCache(lambda _: BAD_TOKEN)
    first = await start(driver)
    ids = await orders.place([plain_order("/a"), plain_order("/b")])
    await reach(orders, ids, Delivery.REFUSED)
    await first.close()
    await start(ScriptedCache())
    await reach(orders, ids, Delivery.VERIFIED)


async def test_all_controllers_retry_when_asked(orders: Orders, start: Start) -> None:
    """What was refused, alone too, and what waits, though the cache asked for a long pause, in each controller."""
    drivers = [ScriptedCache(lambda path: BAD_TOKEN if path == "/a" else PAUSED) for _ in range(2)]
    refused = await orders.place([plain_order("/a")])
    waiting: list[str] = []
    for driver, consumer in zip(drivers, ("one", "two"), strict=True):
        await start(driver, consumer)
        await reach(orders, refused, Delivery.REFUSED)

        async def waits(driver: ScriptedCache = driver) -> bool:
            waiting.extend(await orders.place([plain_order(f"/{len(waiting)}")]))
            return any(path != "/a" for path in driver.tries)

        await eventually(waits)
    for driver in drivers:
        driver.answer = lambda _: REMOVED
    await orders.refused_retries.ask("cdn")
    await reach(orders, [*refused, *waiting], Delivery.VERIFIED)


async def test_many_are_released_and_those_under_way_are_not(store: Store) -> None:
    """All of more than one command's worth; what is sent just now keeps its lease, and its place for the next time."""
    outcomes, clock = store.key("{purges}", "outcomes", ""), ScheduleClock(store)
    schedule = RepeatSchedule(store, store.key("{purges}", "orders"), outcomes, clock)
    retries, now = RefusedRetries(store, schedule), clock.now()
    many = [f"{number}-0/1.000" for number in range(2 * RETRIES_PER_COMMAND + 7)]
    await store.redis.zadd(schedule.key("cdn"), dict.fromkeys(many, now + MINUTES) | {"9-9/1.000": now + LEASE_SECONDS})
    await retries.note("cdn", [RefusedRetry(each, "", False) for each in [*many, "9-9/1.000", "gone-0/1.000"]])
    assert await retries.release("cdn") == len(many)
    assert await store.redis.zcount(schedule.key("cdn"), "-inf", clock.now()) == len(many)
    assert await store.redis.smembers(retries.keys("cdn")[0]) == {b"9-9/1.000"}


async def test_a_cache_that_is_forgotten_leaves_nothing(orders: Orders, store: Store) -> None:
    """Its keys go with it."""
    await orders.ensure_group("cdn")
    await orders.refused_retries.note("cdn", [RefusedRetry("1-0/1.000", "", alone) for alone in (True, False)])
    await orders.refused_retries.ask("cdn")
    await orders.refused_retries.note("cdn", [RefusedRetry("1-0/1.000", "", False)])
    await store.redis.hset(store.key("{purges}", "nodes"), "cdn", str(time.time() - 90000))
    await orders.trim(86400)
    assert await store.redis.exists(*orders.refused_retries.keys("cdn")) == 0

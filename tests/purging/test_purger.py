"""Purging real caches through real orders: no order is lost, and none delays another."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.purging.leases import idle_seconds, set_idle
from tests.purging.samples import metric_value, plain_order
from tests.purging.scripted import Clock, ScriptedCache
from tests.purging.scripted import cache as scripted
from tests.support.eventually import eventually
from tests.support.real_caches import Origin, cached, fetch, settings

from edgeward.caches import CacheDriver, driver_for
from edgeward.demo.caches import CacheServer, Varnish
from edgeward.purging.orders import Orders
from edgeward.purging.purger import TICK_SECONDS, Purger
from edgeward.settings.cache_settings import CacheSettings
from edgeward.settings.config import PurgeSettings
from edgeward.store.connection import Store
from edgeward.types import Delivery, Outcome, Scope

type Start = Callable[..., Awaitable[Purger]]


@pytest.fixture
async def orders(store: Store) -> Orders:
    return Orders(store)


@pytest.fixture
def clock(store: Store, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the repeats: it stands still until the test moves it."""
    made = Clock()
    monkeypatch.setattr(store.clock, "now", made.time)
    return made


@pytest.fixture
async def start(orders: Orders) -> AsyncIterator[Start]:
    """Starts a purger for a cache: `await start(settings, caches=[...], repeats=(1.0,))`."""
    async with AsyncExitStack() as stack:

        async def begin(
            cache: CacheSettings,
            caches: list[CacheSettings] | None = None,
            repeats: tuple[float, ...] = (),
            backoff: float = 0.5,
            orders: Orders = orders,
            driver: CacheDriver | None = None,
        ) -> Purger:
            how = PurgeSettings(repeat_seconds=repeats, backoff_max_seconds=backoff)
            purger = Purger(orders, cache, driver or driver_for(cache), how, caches or [cache])
            await purger.start()
            stack.push_async_callback(purger.close)
            return purger

        yield begin


async def outcome(orders: Orders, order_id: str, cache: str = "edge") -> Outcome:
    return (await orders.get(order_id))[1][cache]


async def store_in(cache: CacheServer, path: str) -> None:
    """Fetch until the cache has it: nginx moves a file to its place only after it has sent the last byte."""
    await eventually(lambda: cached(cache, path))


def files(nginx: CacheServer) -> Iterator[bytes]:
    """What nginx has stored. Files that are being written have a dot in their names."""
    for path in (nginx.directory / "edgeward-cache").rglob("*"):
        if path.is_file() and not path.suffix:
            yield path.read_bytes()


@pytest.mark.parametrize("kind", ["varnish", "nginx"])
async def test_carries_out_an_order(kind: str, request: pytest.FixtureRequest, orders: Orders, start: Start) -> None:
    """The target is gone from the cache when the outcome is on record; the purge and its linger time are counted."""
    cache: CacheServer = request.getfixturevalue(kind)
    name = f"counted-{kind}"
    await start(settings(cache, name))
    await store_in(cache, "/ordered")
    ids = await orders.place([plain_order("/ordered")])
    assert await orders.wait_done(ids, [name], 60) == {}
    assert not cached(cache, "/ordered")
    assert (await outcome(orders, ids[0], name)).delivery is Delivery.VERIFIED
    await eventually(lambda: metric_value("edgeward_purges_total", cache=name, outcome="verified") == 1)
    assert metric_value("edgeward_linger_seconds_count", cache=name) == 1


async def test_a_node_that_is_down_is_owed_its_orders(
    varnish: CacheServer, cold: Callable[..., CacheServer], orders: Orders, start: Start
) -> None:
    """Orders wait for a cache that is down and are done once it is up; other caches are not delayed."""
    away = cold(Varnish)
    away.start()
    fetch(away, "/down0")
    both = [settings(varnish, "up"), settings(away, "down", timeout_ms=200)]
    for each in both:
        await start(each, both)
    away.pause()
    retried = metric_value("edgeward_purges_total", cache="down", outcome="retried")
    ids = await orders.place([plain_order(f"/down{number}") for number in range(100)])
    assert await orders.wait_done(ids, ["up"], 60) == {}
    await eventually(lambda: metric_value("edgeward_purges_total", cache="down", outcome="retried") > retried)
    assert await orders.wait_done(ids, ["up", "down"], 0) == {"down": 100}
    assert (await orders.pending("down"))[0] == 100
    away.resume()
    assert await orders.wait_done(ids, ["up", "down"], 60) == {}
    assert not cached(away, "/down0")
    assert (await outcome(orders, ids[0], "down")).attempts > 1


async def test_a_node_is_up_again(
    cold: Callable[..., CacheServer],
    orders: Orders,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A cache that was down gets all its orders as soon as one succeeds: none waits for the end of its pause."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("edgeward.purging.retry_queue.FIRST_PAUSE_SECONDS", 600)
    cache = cold(Varnish)
    await start(settings(cache, "dead"), backoff=3600)
    retried = metric_value("edgeward_purges_total", cache="dead", outcome="retried")
    ids = await orders.place([plain_order(f"/dead{number}") for number in range(40)])
    await eventually(
        lambda: metric_value("edgeward_purges_total", cache="dead", outcome="retried") == retried + len(ids)
    )
    await asyncio.to_thread(cache.start)
    assert await orders.wait_done(ids, ["dead"], 0) == {"dead": 40}
    ids += await orders.place([plain_order("/alive")])
    assert await orders.wait_done(ids, ["dead"], 60) == {}
    assert [text for text in caplog.messages if text.startswith("cache dead")] == [
        "cache dead does not carry out purges (connection refused): its orders wait and are retried",
        "cache dead carries out purges again",
    ]


async def test_a_refusal_is_recorded_and_retried_rarely(
    varnish: CacheServer, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal is a configuration error: recorded, counted, and retried only after minutes."""
    monkeypatch.setattr("edgeward.purging.purger.MAINTENANCE_SECONDS", 0.1)
    # This Varnish has no bans.
    await start(settings(varnish, "refusing", bans=True))
    ids = await orders.place([replace(plain_order("/refused/"), scope=Scope.PREFIX)])
    assert await orders.wait_done(ids, ["refusing"], 60) == {"refusing": 1}
    found = await outcome(orders, ids[0], "refusing")
    assert (found.delivery, found.status, found.attempts) == (Delivery.REFUSED, 501, 1)

    async def reported() -> bool:
        owed = metric_value("edgeward_purges_pending", cache="refusing")
        return owed == 0 and metric_value("edgeward_purges_unverified", cache="refusing") == 1

    await eventually(reported)
    await asyncio.sleep(TICK_SECONDS)
    assert metric_value("edgeward_purges_total", cache="refusing", outcome="refused") == 1
    assert await orders.due_repeats("refusing", time.time()) == []
    assert len(await orders.due_repeats("refusing", time.time() + 400)) == 1


async def test_takes_over_from_a_dead_controller(
    varnish: CacheServer, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The orders of a killed controller are done at once by one that starts under the same name."""
    monkeypatch.setattr("edgeward.purging.purger.CLAIM_SECONDS", 600)
    await orders.ensure_group("edge")
    fetch(varnish, "/orphan")
    ids = await orders.place([plain_order("/orphan")])
    purger = Purger(orders, settings(varnish), driver_for(settings(varnish)))
    assert len(await orders.take("edge", purger.consumer, 10, 10)) == 1
    await start(settings(varnish))
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert not cached(varnish, "/orphan")


async def test_claims_from_a_controller_that_is_gone(
    varnish: CacheServer, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The orders of a dead controller of another name are claimed after a while."""
    monkeypatch.setattr("edgeward.purging.purger.CLAIM_SECONDS", 0.2)
    monkeypatch.setattr("edgeward.purging.purger.MAINTENANCE_SECONDS", 0.1)
    await orders.ensure_group("edge")
    ids = await orders.place([plain_order("/left")])
    await orders.take("edge", "another host", 10, 10)
    await start(settings(varnish))
    assert await orders.wait_done(ids, ["edge"], 60) == {}


async def test_orders_of_a_node_that_is_down_are_not_claimed(
    cold: Callable[..., CacheServer], store: Store, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that waits for its node stays with its controller, however long the node is down."""
    for name, seconds in (("MAINTENANCE_SECONDS", 0.1), ("RENEW_AFTER_SECONDS", 0.1), ("CLAIM_SECONDS", 3600)):
        monkeypatch.setattr(f"edgeward.purging.purger.{name}", seconds)
    await orders.ensure_group("edge")
    purger = await start(settings(cold(Varnish)))
    ids = await orders.place([plain_order("/held")])

    async def taken() -> bool:
        return list(await idle_seconds(store)) == ids

    async def held() -> bool:
        return (await idle_seconds(store))[ids[0]] < 300

    await eventually(taken)
    await set_idle(store, purger.consumer, ids, 600)
    await eventually(held)
    assert await orders.claim("edge", "another host", 300_000) == []


async def test_a_copy_stored_again_is_removed(varnish: CacheServer, orders: Orders, start: Start, clock: Clock) -> None:
    """A repeat removes a copy that was stored after the purge, and its outcome says so."""
    await start(settings(varnish, "again"), repeats=(300, 600))
    fetch(varnish, "/again")
    ids = await orders.place([plain_order("/again")])
    assert await orders.wait_done(ids, ["again"], 60) == {}
    first = await outcome(orders, ids[0], "again")
    fetch(varnish, "/again")
    clock.now += 301

    async def repeated() -> bool:
        return (await outcome(orders, ids[0], "again")).at > first.at

    await eventually(repeated)
    assert not cached(varnish, "/again")
    assert "stored again" in (await outcome(orders, ids[0], "again")).detail
    await eventually(lambda: metric_value("edgeward_purges_total", cache="again", outcome="stored_again") == 1)
    assert metric_value("edgeward_linger_seconds_count", cache="again") == 1


async def test_nginx_is_clean_after_a_fetch_under_way(
    nginx: CacheServer, origin: Origin, orders: Orders, start: Start, clock: Clock
) -> None:
    """nginx stores an image that it was fetching during the purge: the repeat removes it."""
    await start(settings(nginx), repeats=(300,))
    origin.arrived.clear()
    origin.release.clear()
    fetching = asyncio.create_task(asyncio.to_thread(fetch, nginx, "/slow"))
    assert await asyncio.to_thread(origin.arrived.wait, 60)
    ids = await orders.place([plain_order("/slow")])
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    origin.release.set()
    await fetching
    await eventually(lambda: any(b"\nKEY: img.test/slow|" in data for data in files(nginx)))
    clock.now += 301

    async def removed() -> bool:
        return "stored again" in (await outcome(orders, ids[0])).detail

    await eventually(removed)
    assert not cached(nginx, "/slow")


async def test_lower_tiers_are_purged_first(
    nginx: CacheServer, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache is purged before those that fetch from it."""
    monkeypatch.setattr("edgeward.purging.purger.TIER_WAIT_SECONDS", 60)
    outer, inner, driver = settings(nginx, "outer", tier=1), scripted("inner"), ScriptedCache()
    driver.open.clear()
    await start(outer, [outer, inner])
    await start(inner, [outer, inner], driver=driver)
    ids = await orders.place([plain_order(f"/tier{number}") for number in range(20)])
    assert await orders.wait_done(ids, ["outer"], 0.3) == {"outer": 20}
    driver.open.set()
    assert await orders.wait_done(ids, ["inner", "outer"], 60) == {}
    for order_id in ids:
        _, outcomes = await orders.get(order_id)
        assert outcomes["inner"].at <= outcomes["outer"].at


async def test_a_dead_lower_tier_delays_no_other(
    varnish: CacheServer, cold: Callable[..., CacheServer], store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outer cache waits for a dead inner one once and briefly; when that is up, the outer one is purged again."""
    monkeypatch.setattr("edgeward.purging.purger.TIER_SKIP_SECONDS", 600)
    inner, orders = cold(Varnish), RecordedWaits(store)
    tiers = [settings(varnish, "outer", tier=1), settings(inner, "inner", tier=0)]
    for each in tiers:
        await start(each, tiers, orders=orders)
    ids = await orders.place([plain_order("/alone")])
    assert await orders.wait_done(ids, ["outer"], 60) == {}
    ids += await orders.place([plain_order(f"/alone{number}") for number in range(100)])
    assert await orders.wait_done(ids, ["outer"], 60) == {}
    assert orders.waits.count(["inner"]) == 1
    fetch(varnish, "/alone")
    inner.start()
    assert await orders.wait_done(ids, ["inner", "outer"], 60) == {}

    async def repeated() -> bool:
        return "stored again" in (await outcome(orders, ids[0], "outer")).detail

    await eventually(repeated)


class RecordedWaits(Orders):
    """Records for which caches a purger waited."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.waits: list[list[str]] = []

    async def wait_done(self, ids: Sequence[str], caches: Sequence[str], timeout: float) -> dict[str, int]:
        self.waits.append([*caches])
        return await super().wait_done(ids, caches, timeout)


async def test_reports_owed_orders(cold: Callable[..., CacheServer], orders: Orders, start: Start) -> None:
    """The gauges show how many orders a cache owes and the age of the oldest."""
    await start(settings(cold(Varnish), "owing"))
    await orders.place([plain_order("/a"), plain_order("/b")])

    async def reported() -> bool:
        owed, unverified = (
            metric_value(f"edgeward_purges_{what}", cache="owing") for what in ("pending", "unverified")
        )
        return owed == unverified == 2

    await eventually(reported)
    assert metric_value("edgeward_purge_oldest_seconds", cache="owing") > 0

"""Purging real caches through real orders: nothing is lost, nothing is in the way of anything else."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.takedown.conftest import Origin, cached, fetch, settings, target
from tests.takedown.purging.owed import leave_alone, left_alone
from tests.takedown.purging.scripted import Clock, Scripted
from tests.takedown.purging.scripted import cache as scripted

from edgeward import metrics
from edgeward.cache_settings import CacheSettings
from edgeward.config import PurgeSettings
from edgeward.demo.caches import CacheServer, Varnish
from edgeward.store.connection import Store
from edgeward.takedown.caches import CacheDriver, driver_for
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.purging.purger import TICK_SECONDS, Purger
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder, Scope

type Start = Callable[..., Awaitable[Purger]]


@pytest.fixture
async def orders(store: Store) -> Orders:
    return Orders(store)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which purges are repeated: it stands still until the test moves it."""
    made = Clock()
    monkeypatch.setattr("edgeward.takedown.purging.purger.time", made)
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


def order(path: str) -> PurgeOrder:
    return PurgeOrder(target(path), Cause.LISTING, time.time())


async def outcome(orders: Orders, order_id: str, cache: str = "edge") -> Outcome:
    return (await orders.get(order_id))[1][cache]


async def store_in(cache: CacheServer, path: str) -> None:
    """Fetch until it comes from the cache: nginx puts a file in its place only after its last byte has gone out."""

    async def stored() -> bool:
        return cached(cache, path)

    await eventually(stored)


def files(nginx: CacheServer) -> Iterator[bytes]:
    """What it has stored. Files that are being written have a dot in their names."""
    for path in (nginx.directory / "edgeward-cache").rglob("*"):
        if path.is_file() and not path.suffix:
            yield path.read_bytes()


def sample(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", ["varnish", "nginx"])
async def test_purges_what_is_ordered(kind: str, request: pytest.FixtureRequest, orders: Orders, start: Start) -> None:
    """An order is gone from the cache when its outcome is on record; it is counted, with its linger."""
    cache: CacheServer = request.getfixturevalue(kind)
    name = f"counted-{kind}"
    await start(settings(cache, name))
    await store_in(cache, "/ordered")
    ids = await orders.place([order("/ordered")])
    assert await orders.wait_done(ids, [name], 60) == {}
    assert not cached(cache, "/ordered")
    assert (await outcome(orders, ids[0], name)).delivery is Delivery.VERIFIED

    async def counted() -> bool:
        return sample("edgeward_purges_total", cache=name, outcome="verified") == 1

    await eventually(counted)
    assert sample("edgeward_linger_seconds_count", cache=name) == 1


async def test_a_node_that_is_down_keeps_its_orders(
    varnish: CacheServer, cold: Callable[..., CacheServer], orders: Orders, start: Start
) -> None:
    """Orders wait for a cache that is away and are done once it is back; another cache is not slowed meanwhile."""
    away = cold(Varnish)
    away.start()
    fetch(away, "/down0")
    both = [settings(varnish, "up"), settings(away, "down", timeout_ms=200)]
    for each in both:
        await start(each, both)
    away.pause()
    retried = sample("edgeward_purges_total", cache="down", outcome="retried")
    ids = await orders.place([order(f"/down{number}") for number in range(100)])
    assert await orders.wait_done(ids, ["up"], 60) == {}

    async def tried() -> bool:
        return sample("edgeward_purges_total", cache="down", outcome="retried") > retried

    await eventually(tried)
    assert await orders.wait_done(ids, ["up", "down"], 0) == {"down": 100}
    assert (await orders.pending("down"))[0] == 100
    away.resume()
    assert await orders.wait_done(ids, ["up", "down"], 60) == {}
    assert not cached(away, "/down0")
    assert (await outcome(orders, ids[0], "down")).attempts > 1


async def test_a_dead_node_is_back(
    cold: Callable[..., CacheServer], orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that was away gets all its orders as soon as one finds it back: none sits out its back-off."""
    monkeypatch.setattr("edgeward.takedown.purging.jobs.FIRST_PAUSE_SECONDS", 600)
    cache = cold(Varnish)
    await start(settings(cache, "dead"), backoff=3600)
    retried = sample("edgeward_purges_total", cache="dead", outcome="retried")
    ids = await orders.place([order(f"/dead{number}") for number in range(40)])

    async def all_tried() -> bool:
        return sample("edgeward_purges_total", cache="dead", outcome="retried") == retried + len(ids)

    await eventually(all_tried)
    await asyncio.to_thread(cache.start)
    assert await orders.wait_done(ids, ["dead"], 0) == {"dead": 40}
    ids += await orders.place([order("/alive")])
    assert await orders.wait_done(ids, ["dead"], 60) == {}


async def test_a_refusal_is_told_and_not_repeated_at_once(
    varnish: CacheServer, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that refuses is a configuration error: on record, counted, and not asked again in a storm."""
    monkeypatch.setattr("edgeward.takedown.purging.purger.CARE_SECONDS", 0.1)
    # This Varnish has no bans.
    await start(settings(varnish, "refusing", bans=True))
    ids = await orders.place([replace(order("/refused/"), scope=Scope.PREFIX)])
    assert await orders.wait_done(ids, ["refusing"], 60) == {"refusing": 1}
    found = await outcome(orders, ids[0], "refusing")
    assert (found.delivery, found.status, found.attempts) == (Delivery.REFUSED, 501, 1)

    async def reported() -> bool:
        owed = sample("edgeward_purges_pending", cache="refusing")
        return owed == 0 and sample("edgeward_purges_unverified", cache="refusing") == 1

    await eventually(reported)
    await asyncio.sleep(TICK_SECONDS)
    assert sample("edgeward_purges_total", cache="refusing", outcome="refused") == 1
    assert await orders.due_repeats("refusing", time.time()) == []
    assert len(await orders.due_repeats("refusing", time.time() + 400)) == 1


async def test_takes_over_from_a_dead_controller(
    varnish: CacheServer, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed controller took is done by one that starts under the same name, at once."""
    monkeypatch.setattr("edgeward.takedown.purging.purger.CLAIM_SECONDS", 600)
    await orders.ensure_group("edge")
    fetch(varnish, "/orphan")
    ids = await orders.place([order("/orphan")])
    purger = Purger(orders, settings(varnish), driver_for(settings(varnish)))
    assert len(await orders.take("edge", purger._consumer, 10, 10)) == 1
    await start(settings(varnish))
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    assert not cached(varnish, "/orphan")


async def test_claims_from_a_controller_that_is_gone(
    varnish: CacheServer, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a controller of another name took and left is claimed after a while."""
    monkeypatch.setattr("edgeward.takedown.purging.purger.CLAIM_SECONDS", 0.2)
    monkeypatch.setattr("edgeward.takedown.purging.purger.CARE_SECONDS", 0.1)
    await orders.ensure_group("edge")
    ids = await orders.place([order("/left")])
    await orders.take("edge", "another host", 10, 10)
    await start(settings(varnish))
    assert await orders.wait_done(ids, ["edge"], 60) == {}


async def test_what_waits_for_a_node_is_not_claimed(
    cold: Callable[..., CacheServer], store: Store, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that waits for its node to come back stays with its controller, however long that takes."""
    for name, seconds in (("CARE_SECONDS", 0.1), ("HOLD_SECONDS", 0.1), ("CLAIM_SECONDS", 3600)):
        monkeypatch.setattr(f"edgeward.takedown.purging.purger.{name}", seconds)
    await orders.ensure_group("edge")
    purger = await start(settings(cold(Varnish)))
    ids = await orders.place([order("/held")])

    async def taken() -> bool:
        return list(await left_alone(store)) == ids

    async def held() -> bool:
        return (await left_alone(store))[ids[0]] < 300

    await eventually(taken)
    await leave_alone(store, purger._consumer, ids, 600)
    await eventually(held)
    assert await orders.claim("edge", "another host", 300_000) == []


async def test_a_copy_stored_again_is_removed(varnish: CacheServer, orders: Orders, start: Start, clock: Clock) -> None:
    """A repeat removes what was stored again after the purge, and says so."""
    await start(settings(varnish, "again"), repeats=(300, 600))
    fetch(varnish, "/again")
    ids = await orders.place([order("/again")])
    assert await orders.wait_done(ids, ["again"], 60) == {}
    first = await outcome(orders, ids[0], "again")
    fetch(varnish, "/again")
    clock.now += 301

    async def repeated() -> bool:
        return (await outcome(orders, ids[0], "again")).at > first.at

    await eventually(repeated)
    assert not cached(varnish, "/again")
    assert "stored again" in (await outcome(orders, ids[0], "again")).detail

    async def counted() -> bool:
        return sample("edgeward_purges_total", cache="again", outcome="stored_again") == 1

    await eventually(counted)
    assert sample("edgeward_linger_seconds_count", cache="again") == 1


async def test_nginx_is_clean_after_a_fetch_under_way(
    nginx: CacheServer, origin: Origin, orders: Orders, start: Start, clock: Clock
) -> None:
    """nginx stores what it was fetching during the purge: the repeat removes it."""
    await start(settings(nginx), repeats=(300,))
    origin.arrived.clear()
    origin.release.clear()
    fetching = asyncio.create_task(asyncio.to_thread(fetch, nginx, "/slow"))
    assert await asyncio.to_thread(origin.arrived.wait, 10)
    ids = await orders.place([order("/slow")])
    assert await orders.wait_done(ids, ["edge"], 60) == {}
    origin.release.set()
    await fetching

    async def stored() -> bool:
        return any(b"\nKEY: img.test/slow|" in data for data in files(nginx))

    await eventually(stored)
    clock.now += 301

    async def removed() -> bool:
        return "stored again" in (await outcome(orders, ids[0])).detail

    await eventually(removed)
    assert not cached(nginx, "/slow")


async def test_inner_caches_come_first(
    nginx: CacheServer, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache nearer to the origin is purged before the one that fills itself from it."""
    monkeypatch.setattr("edgeward.takedown.purging.purger.TIER_SECONDS", 60)
    outer, inner, driver = settings(nginx, "outer", tier=1), scripted("inner"), Scripted()
    driver.open.clear()
    await start(outer, [outer, inner])
    await start(inner, [outer, inner], driver=driver)
    ids = await orders.place([order(f"/tier{number}") for number in range(20)])
    assert await orders.wait_done(ids, ["outer"], 0.3) == {"outer": 20}
    driver.open.set()
    assert await orders.wait_done(ids, ["inner", "outer"], 60) == {}
    for order_id in ids:
        _, outcomes = await orders.get(order_id)
        assert outcomes["inner"].at <= outcomes["outer"].at


async def test_a_dead_inner_cache_holds_nobody_up(
    varnish: CacheServer, cold: Callable[..., CacheServer], store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outer cache waits for a dead inner one briefly and once; when that is back, the outer one is purged again."""
    monkeypatch.setattr("edgeward.takedown.purging.purger.TIER_LATE_SECONDS", 600)
    inner, orders = cold(Varnish), Watched(store)
    tiers = [settings(varnish, "outer", tier=1), settings(inner, "inner", tier=0)]
    for each in tiers:
        await start(each, tiers, orders=orders)
    ids = await orders.place([order("/alone")])
    assert await orders.wait_done(ids, ["outer"], 60) == {}
    ids += await orders.place([order(f"/alone{number}") for number in range(100)])
    assert await orders.wait_done(ids, ["outer"], 60) == {}
    assert orders.waits.count(["inner"]) == 1
    fetch(varnish, "/alone")
    inner.start()
    assert await orders.wait_done(ids, ["inner", "outer"], 60) == {}

    async def repeated() -> bool:
        return "stored again" in (await outcome(orders, ids[0], "outer")).detail

    await eventually(repeated)


class Watched(Orders):
    """Notes for which caches somebody waited."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.waits: list[list[str]] = []

    async def wait_done(self, ids: Sequence[str], caches: Sequence[str], timeout: float) -> dict[str, int]:
        self.waits.append([*caches])
        return await super().wait_done(ids, caches, timeout)


async def test_reports_what_is_owed(cold: Callable[..., CacheServer], orders: Orders, start: Start) -> None:
    """The gauges show how many orders a cache owes and how old the oldest is."""
    await start(settings(cold(Varnish), "owing"))
    await orders.place([order("/a"), order("/b")])

    async def reported() -> bool:
        owed, unverified = (sample(f"edgeward_purges_{what}", cache="owing") for what in ("pending", "unverified"))
        return owed == unverified == 2

    await eventually(reported)
    assert sample("edgeward_purge_oldest_seconds", cache="owing") > 0

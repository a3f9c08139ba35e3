"""Purging real caches through real orders: nothing is lost, nothing is in the way of anything else."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from tests.takedown.conftest import Origin, cached, fetch, settings, target

from edgeward import metrics
from edgeward.cache_settings import CacheSettings
from edgeward.config import PurgeSettings
from edgeward.demo.caches import CacheServer, Varnish
from edgeward.store.connection import Store
from edgeward.takedown.caches import driver_for
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.purging.purger import Purger
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder

type Start = Callable[..., Awaitable[Purger]]


@pytest.fixture
async def orders(store: Store) -> Orders:
    return Orders(store)


@pytest.fixture
async def start(orders: Orders) -> AsyncIterator[Start]:
    """Starts a purger for a cache: `await start(settings, caches=[...], repeats=(1.0,))`."""
    async with AsyncExitStack() as stack:

        async def begin(
            cache: CacheSettings,
            caches: list[CacheSettings] | None = None,
            repeats: tuple[float, ...] = (),
            backoff: float = 0.5,
        ) -> Purger:
            how = PurgeSettings(repeat_seconds=repeats, backoff_max_seconds=backoff)
            purger = Purger(orders, cache, driver_for(cache), how, caches or [cache])
            await purger.start()
            stack.push_async_callback(purger.close)
            return purger

        yield begin


def order(path: str) -> PurgeOrder:
    return PurgeOrder(target(path), Cause.LISTING, time.time())


async def outcome(orders: Orders, order_id: str, cache: str = "edge") -> Outcome:
    return (await orders.get(order_id))[1][cache]


def sample(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 5) -> None:
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
    fetch(cache, "/ordered")
    ids = await orders.place([order("/ordered")])
    assert await orders.wait_done(ids, [name], 5) == {}
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
    ids = await orders.place([order(f"/down{number}") for number in range(100)])
    assert await orders.wait_done(ids, ["up"], 2) == {}
    assert await orders.wait_done(ids, ["up", "down"], 0.5) == {"down": 100}
    assert (await orders.pending("down"))[0] == 100
    away.resume()
    assert await orders.wait_done(ids, ["up", "down"], 5) == {}
    assert not cached(away, "/down0")
    assert (await outcome(orders, ids[0], "down")).attempts > 1


async def test_a_dead_node_is_back(cold: Callable[..., CacheServer], orders: Orders, start: Start) -> None:
    """A cache that was away gets all its orders as soon as one of them finds it back: none sits out its back-off."""
    cache = cold(Varnish)
    await start(settings(cache), backoff=60)
    ids = await orders.place([order(f"/dead{number}") for number in range(40)])
    assert await orders.wait_done(ids, ["edge"], 1.5) == {"edge": 40}
    await asyncio.to_thread(cache.start)
    assert await orders.wait_done(ids, ["edge"], 10) == {}
    done = [(await outcome(orders, order_id)).at for order_id in ids]
    assert max(done) - min(done) < 0.6


async def test_a_refusal_is_told_and_not_repeated_at_once(
    cold: Callable[..., CacheServer], orders: Orders, start: Start
) -> None:
    """A cache that refuses is a configuration error: on record, counted, and not asked again in a storm."""
    cache = cold(Varnish, secret="known to few")
    cache.start()
    await start(settings(cache, "refusing", secret="wrong"))
    ids = await orders.place([order("/refused")])
    assert await orders.wait_done(ids, ["refusing"], 5) == {"refusing": 1}
    found = await outcome(orders, ids[0], "refusing")
    assert (found.delivery, found.status, found.attempts) == (Delivery.REFUSED, 403, 1)
    await asyncio.sleep(0.5)
    assert sample("edgeward_purges_total", cache="refusing", outcome="refused") == 1
    assert await orders.due_repeats("refusing", time.time()) == []
    assert len(await orders.due_repeats("refusing", time.time() + 400)) == 1

    async def reported() -> bool:
        owed = sample("edgeward_purges_pending", cache="refusing")
        return owed == 0 and sample("edgeward_purges_unverified", cache="refusing") == 1

    await eventually(reported)


async def test_takes_over_from_a_dead_controller(varnish: CacheServer, orders: Orders, start: Start) -> None:
    """What a killed controller took is done by one that starts under the same name, at once."""
    await orders.ensure_group("edge")
    fetch(varnish, "/orphan")
    ids = await orders.place([order("/orphan")])
    purger = Purger(orders, settings(varnish), driver_for(settings(varnish)))
    assert len(await orders.take("edge", purger._consumer, 10, 10)) == 1
    await start(settings(varnish))
    assert await orders.wait_done(ids, ["edge"], 2) == {}
    assert not cached(varnish, "/orphan")


async def test_claims_from_a_controller_that_is_gone(
    varnish: CacheServer, orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a controller of another name took and left is claimed after a while."""
    monkeypatch.setattr("edgeward.takedown.purging.purger.CLAIM_SECONDS", 0.3)
    await orders.ensure_group("edge")
    ids = await orders.place([order("/left")])
    await orders.take("edge", "another host", 10, 10)
    await start(settings(varnish))
    assert await orders.wait_done(ids, ["edge"], 5) == {}


async def test_what_waits_for_a_node_is_not_claimed(
    cold: Callable[..., CacheServer], orders: Orders, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that waits for its node to come back stays with its controller, however long that takes."""
    monkeypatch.setattr("edgeward.takedown.purging.purger.CARE_SECONDS", 0.1)
    monkeypatch.setattr("edgeward.takedown.purging.purger.HOLD_SECONDS", 0.1)
    await start(settings(cold(Varnish)))
    await orders.place([order("/held")])
    await asyncio.sleep(1)
    assert await orders.claim("edge", "another host", 500) == []


async def test_a_copy_stored_again_is_removed(varnish: CacheServer, orders: Orders, start: Start) -> None:
    """A repeat removes what was stored again after the purge, and says so."""
    await start(settings(varnish, "again"), repeats=(0.3, 0.6))
    fetch(varnish, "/again")
    ids = await orders.place([order("/again")])
    await orders.wait_done(ids, ["again"], 5)
    first = await outcome(orders, ids[0], "again")
    fetch(varnish, "/again")

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
    nginx: CacheServer, origin: Origin, orders: Orders, start: Start
) -> None:
    """nginx stores what it was fetching during the purge: the repeat removes it."""
    await start(settings(nginx), repeats=(0.4,))
    origin.arrived.clear()
    origin.release.clear()
    fetching = asyncio.create_task(asyncio.to_thread(fetch, nginx, "/slow"))
    await asyncio.to_thread(origin.arrived.wait, 5)
    ids = await orders.place([order("/slow")])
    assert await orders.wait_done(ids, ["edge"], 5) == {}
    origin.release.set()
    await fetching

    async def removed() -> bool:
        return "stored again" in (await outcome(orders, ids[0])).detail

    await eventually(removed)
    assert not cached(nginx, "/slow")


async def test_inner_caches_come_first(varnish: CacheServer, nginx: CacheServer, orders: Orders, start: Start) -> None:
    """The cache nearer to the origin is purged before the one that fills itself from it."""
    tiers = [settings(nginx, "outer", tier=1), settings(varnish, "inner", tier=0)]
    for each in tiers:
        await start(each, tiers)
    ids = await orders.place([order(f"/tier{number}") for number in range(20)])
    assert await orders.wait_done(ids, ["inner", "outer"], 5) == {}
    for order_id in ids:
        _, outcomes = await orders.get(order_id)
        assert outcomes["inner"].at <= outcomes["outer"].at


async def test_a_dead_inner_cache_holds_nobody_up(
    varnish: CacheServer, cold: Callable[..., CacheServer], orders: Orders, start: Start
) -> None:
    """The outer cache waits for a dead inner one briefly and once; when that is back, the outer one is purged again."""
    inner = cold(Varnish)
    tiers = [settings(varnish, "outer", tier=1), settings(inner, "inner", tier=0)]
    for each in tiers:
        await start(each, tiers)
    began = time.monotonic()
    ids = await orders.place([order(f"/alone{number}") for number in range(100)])
    assert await orders.wait_done(ids, ["outer"], 5) == {}
    assert time.monotonic() - began < 2
    fetch(varnish, "/alone0")
    inner.start()
    assert await orders.wait_done(ids, ["inner", "outer"], 5) == {}

    async def repeated() -> bool:
        return "stored again" in (await outcome(orders, ids[0], "outer")).detail

    await eventually(repeated)


async def test_reports_what_is_owed(cold: Callable[..., CacheServer], orders: Orders, start: Start) -> None:
    """The gauges show how many orders a cache owes and how old the oldest is."""
    await start(settings(cold(Varnish), "owing"))
    await orders.place([order("/a"), order("/b")])

    async def reported() -> bool:
        return sample("edgeward_purges_pending", cache="owing") == 2

    await eventually(reported)
    assert sample("edgeward_purge_oldest_seconds", cache="owing") > 0
    assert sample("edgeward_purges_unverified", cache="owing") == 2

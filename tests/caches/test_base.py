"""What all cache drivers share."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.caches.cdn_server import ApiRequest, response
from tests.caches.every_driver import driver_and_server
from tests.caches.orders import http_order, order_for, prefix_order, tag_order
from tests.support.eventually import until
from tests.support.real_caches import fetch, settings, target

from edgeward.caches import DRIVERS, driver_for
from edgeward.caches.base import Abilities, CacheDriver, Purged, Rate
from edgeward.demo.caches import CacheServer
from edgeward.errors import CacheUnavailable
from edgeward.settings.cache_settings import (
    CACHE_TYPES,
    CacheSettings,
    VarnishCache,
    driver_of,
    parse_cache,
    tag_headers,
)
from edgeward.types import Delivery, PurgeOrder, Scope

SETTINGS = VarnishCache(name="edge", driver="varnish", url="http://127.0.0.1:9")


class Recording(CacheDriver):
    """Records the paths of each call; a path with "away" makes the whole call fail."""

    name = "recording"
    abilities = Abilities(batch=3)

    def __init__(self, settings: CacheSettings = SETTINGS) -> None:
        super().__init__(settings)
        self.calls: list[list[str]] = []

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        self.calls.append([each.target.path for each in orders])
        if any("away" in each.target.path for each in orders):
            raise CacheUnavailable("overloaded", 503, 4.0)
        return [Purged(Delivery.VERIFIED, 404, each.target.path) for each in orders]


class Slow(Recording):
    abilities = Abilities(batch=1, rate=Rate(20.0, 2.0))


def test_every_configurable_driver_exists() -> None:
    """Each class of settings has a driver, and each driver a class of settings."""
    assert sorted(map(driver_of, CACHE_TYPES)) == sorted(driver.name for driver in DRIVERS)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_abilities_are_declared(driver: type[CacheDriver]) -> None:
    """Each driver declares batches of one order or more, and a tag header exactly where it purges by tag."""
    settings = next(kind for kind in CACHE_TYPES if driver_of(kind) == driver.name)
    assert driver.abilities.batch >= 1
    assert bool(settings.tag_header) == driver.abilities.tag
    if driver.abilities.rate:
        assert driver.abilities.rate.per_second > 0
        assert driver.abilities.rate.burst >= 1


async def test_outcomes_come_in_the_order_of_the_orders() -> None:
    """Orders are split by scope and into batches, and each outcome is returned at its order's place."""
    driver = Recording()
    orders = [
        order_for(target("/1")),
        tag_order("ew-1"),
        order_for(target("/2")),
        prefix_order("/3"),
        *map(order_for, map(target, "456")),
    ]
    purged = await driver.purge(orders)
    assert driver.calls == [["/1", "/2", "4"], ["5", "6"]]
    assert [each.detail for each, placed in zip(purged, orders, strict=True) if placed.scope is Scope.TARGET] == [
        "/1", "/2", "4", "5", "6"]  # fmt: skip
    others = [each for each, placed in zip(purged, orders, strict=True) if placed.scope is not Scope.TARGET]
    assert [(each.delivery, each.status) for each in others] == [(Delivery.UNSUPPORTED, 0)] * 2
    assert ["tag" in others[0].detail, "prefix" in others[1].detail] == [True, True]


class ByPrefix(Recording):
    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        self.calls.append([each.target.path for each in orders])
        return [Purged(Delivery.VERIFIED, 200, each.target.path) for each in orders]


async def test_equal_prefixes_are_purged_once() -> None:
    """However many images have forgotten targets there. A prefix without a host cannot be purged, and is not."""
    driver = ByPrefix()
    paths = ["/a", "/b", "/a"]
    nowhere = prefix_order("/", host="")
    purged = await driver.purge([*map(prefix_order, paths), nowhere])
    assert driver.calls == [["/a", "/b"]]
    assert [each.detail for each in purged[:3]] == paths
    assert (purged[3].delivery, purged[3].status) == (Delivery.UNSUPPORTED, 0)
    assert (await driver.purge([nowhere]))[0] == purged[3]
    assert len(driver.calls) == 1


async def test_no_orders() -> None:
    """Without orders nothing is sent."""
    driver = Recording()
    assert (await driver.purge([]), driver.calls) == ([], [])


async def test_a_batch_that_fails_waits_alone() -> None:
    """When a batch finds the cache overloaded, all its orders wait as long as the cache asked for; others do not."""
    orders = [order_for(target(path)) for path in ("/1", "/away", "/2", "/3")]
    purged = await Recording().purge(orders)
    waiting = Purged(Delivery.WAITING, 503, "overloaded", retry_after=4.0)
    assert purged == [waiting, waiting, waiting, Purged(Delivery.VERIFIED, 404, "/3")]


async def test_calls_keep_to_the_rate() -> None:
    """Beyond the burst, calls come no faster than the cache allows."""
    driver = Slow()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await driver.purge([order_for(target(f"/{number}")) for number in range(5)])
    assert loop.time() - began >= 0.1


async def test_a_target_that_cannot_be_sent_is_refused() -> None:
    """A target with a line break is refused without a request; the node counts as neither up nor down."""
    (purged,) = await driver_for(SETTINGS).purge([order_for(target("/a\r\nb"))])
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 0)


async def test_secrets_are_in_no_outcome() -> None:
    """Failures do not show the secret, not even for an order that cannot be sent."""
    secret = "correct horse battery"
    driver = driver_for(SETTINGS.model_copy(update={"secret": secret}))
    purged = await driver.purge([order_for(target("/p")), order_for(replace(target("/p"), host="a b"))])
    assert [each.delivery for each in purged] == [Delivery.WAITING, Delivery.REFUSED]
    assert secret not in repr(purged)


def test_the_headers_that_carry_tags() -> None:
    """An image must carry its tag in the header of each kind of cache that purges by tag, once."""
    caches = [parse_cache({"name": f"c{number}", "driver": driver, "url": "http://127.0.0.1:9", **more})
              for number, (driver, more) in enumerate([
                  ("varnish", {"tags": True}), ("varnish", {"tags": True}), ("souin", {"tags": False}),
                  ("nginx", {}), ("fastly", {"tags": True, "service": "a", "token": "t"})])]  # fmt: skip
    assert tag_headers(caches) == ("Surrogate-Key", "xkey")
    assert tag_headers(caches[2:4]) == ()


def _yes(request: ApiRequest) -> bytes:
    """A server that accepts everything, in every way that an API may say so."""
    fields = {"success": True, "status": "ok", "httpStatus": 200, "kind": "compute#operation", "access_token": "t"}
    return response(200, fields, X_Purged="ban", Edgeward_Variants="-")


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
@pytest.mark.parametrize("scope", [Scope.PREFIX, Scope.TAG])
async def test_what_a_driver_cannot_do_is_not_said_to_be_done(driver: type[CacheDriver], scope: Scope) -> None:
    """An order by prefix or tag at a cache that cannot do it removes nothing, and its outcome says so, whatever the
    server would answer. So does one by tag without `tags`, and one by prefix at a Varnish without `bans`."""
    order = prefix_order("/u/") if scope is Scope.PREFIX else tag_order("ew-1")
    async with driver_and_server(driver.name, _yes) as (made, server):
        (purged,) = await made.purge([order])
    can = scope is Scope.PREFIX and driver.abilities.prefix and driver.name != "varnish"
    assert (purged.delivery is Delivery.UNSUPPORTED) is not can
    if not can:
        assert (purged.count, server.requests) == (None, [])


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
@pytest.mark.parametrize("status", [401, 403, 405])
async def test_a_refusal_is_said_at_once(driver: type[CacheDriver], status: int) -> None:
    """A cache that refuses is not one that is away: the operator must do something. It counts no copy."""
    orders = [http_order("/p"), http_order("/v", ("accept", "image/webp"))]
    async with driver_and_server(driver.name, lambda _: response(status, b"<html>no")) as (made, _):
        outcomes = await made.purge(orders)
    assert {(each.delivery, each.count) for each in outcomes} == {(Delivery.REFUSED, None)}


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
async def test_no_server_is_verified_that_accepts_everything(
    driver: type[CacheDriver], short_repeat_pauses: None
) -> None:
    """Of a server that says yes to every request nothing is known."""
    async with driver_and_server(driver.name, _yes) as (made, _):
        outcomes = await made.purge([http_order("/p"), http_order("/v", ("accept", "image/webp"))])
    assert Delivery.VERIFIED not in {each.delivery for each in outcomes}


async def _stored(cache: CacheServer, path: str) -> None:
    """Fetch until the cache answers twice with the same response of the origin."""

    def is_stored() -> bool:
        return fetch(cache, path)[0] == fetch(cache, path)[0]

    await asyncio.to_thread(until, is_stored, f"{path} is stored")


@pytest.mark.parametrize("kind", ["varnish", "nginx", "squid", "trafficserver"])
async def test_real_caches_tell_whether_there_was_a_copy(kind: str, request: pytest.FixtureRequest) -> None:
    """A purge that removed a copy and one that found none are told apart, in one call."""
    cache: CacheServer = request.getfixturevalue(kind)
    await _stored(cache, "/met/here")
    driver = driver_for(settings(cache))
    here, away = await driver.purge([http_order("/met/here"), http_order("/met/away")])
    again, _ = await driver.purge([http_order("/met/here"), http_order("/met/away")])
    await driver.close()
    assert {each.delivery for each in (here, away, again)} == {Delivery.VERIFIED}
    assert (bool(here.count), away.count, again.count) == (True, 0, 0)

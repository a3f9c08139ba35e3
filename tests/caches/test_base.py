"""What all cache drivers share."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.caches.orders import order_for, prefix_order, tag_order
from tests.support.real_caches import target

from edgeward.caches import DRIVERS, driver_for
from edgeward.caches.base import Abilities, CacheDriver, Purged, Rate
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
    assert [(each.delivery, each.status) for each in others] == [(Delivery.DELIVERED, 0)] * 2
    assert ["tag" in others[0].detail, "prefix" in others[1].detail] == [True, True]


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

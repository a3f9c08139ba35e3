"""What all cache drivers share."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.takedown.caches.raw import order, prefix, tag
from tests.takedown.conftest import target

from edgeward.cache_settings import KINDS, CacheSettings, VarnishCache, driver_of, parse_cache, tag_headers
from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches import DRIVERS, driver_for
from edgeward.takedown.caches.base import Abilities, CacheDriver, Purged, Rate
from edgeward.types import Delivery, PurgeOrder, Scope

SETTINGS = VarnishCache(name="edge", driver="varnish", url="http://127.0.0.1:9")


class Noting(CacheDriver):
    """Says of each order which call it came with; paths with "away" make the whole call fail."""

    name = "noting"
    abilities = Abilities(batch=3)

    def __init__(self, settings: CacheSettings = SETTINGS) -> None:
        super().__init__(settings)
        self.calls: list[list[str]] = []

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        self.calls.append([each.target.path for each in orders])
        if any("away" in each.target.path for each in orders):
            raise CacheUnavailable("overloaded", 503, 4.0)
        return [Purged(Delivery.VERIFIED, 404, each.target.path) for each in orders]


class Slow(Noting):
    abilities = Abilities(batch=1, rate=Rate(20.0, 2.0))


def test_every_configurable_driver_exists() -> None:
    """There is one driver for each class of settings, and the other way round."""
    assert sorted(map(driver_of, KINDS)) == sorted(driver.name for driver in DRIVERS)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_abilities_are_declared(driver: type[CacheDriver]) -> None:
    """Each driver says what it can: batches of one order or more, and its settings a tag header where it has tags."""
    settings = next(kind for kind in KINDS if driver_of(kind) == driver.name)
    assert driver.abilities.batch >= 1
    assert bool(settings.tag_header) == driver.abilities.tag
    if driver.abilities.rate:
        assert driver.abilities.rate.per_second > 0
        assert driver.abilities.rate.burst >= 1


async def test_answers_come_in_the_order_of_the_orders() -> None:
    """Orders are split by scope and into batches, and each answer finds its order again."""
    driver = Noting()
    orders = [order(target("/1")), tag("ew-1"), order(target("/2")), prefix("/3"), *map(order, map(target, "456"))]
    purged = await driver.purge(orders)
    assert driver.calls == [["/1", "/2", "4"], ["5", "6"]]
    assert [each.detail for each, placed in zip(purged, orders, strict=True) if placed.scope is Scope.TARGET] == [
        "/1", "/2", "4", "5", "6"]  # fmt: skip
    others = [each for each, placed in zip(purged, orders, strict=True) if placed.scope is not Scope.TARGET]
    assert [(each.delivery, each.status) for each in others] == [(Delivery.DELIVERED, 0)] * 2
    assert ["tag" in others[0].detail, "prefix" in others[1].detail] == [True, True]


async def test_no_orders() -> None:
    """Nothing to do is nothing asked."""
    driver = Noting()
    assert (await driver.purge([]), driver.calls) == ([], [])


async def test_a_batch_that_fails_waits_alone() -> None:
    """Where the cache is away for one batch, all of that batch wait as long as it asked for, and no other."""
    orders = [order(target(path)) for path in ("/1", "/away", "/2", "/3")]
    purged = await Noting().purge(orders)
    waiting = Purged(Delivery.WAITING, 503, "overloaded", retry_after=4.0)
    assert purged == [waiting, waiting, waiting, Purged(Delivery.VERIFIED, 404, "/3")]


async def test_calls_keep_to_the_rate() -> None:
    """Beyond the burst, calls come no faster than the cache allows."""
    driver = Slow()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await driver.purge([order(target(f"/{number}")) for number in range(5)])
    assert loop.time() - began >= 0.1


async def test_a_target_that_cannot_be_asked_for_is_refused() -> None:
    """A target with a line break in it is refused without a request; the node counts as neither up nor down."""
    (purged,) = await driver_for(SETTINGS).purge([order(target("/a\r\nb"))])
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 0)


async def test_secrets_are_in_no_outcome() -> None:
    """What goes wrong is told without the secret, an order with impossible bytes in it included."""
    secret = "correct horse battery"
    driver = driver_for(SETTINGS.model_copy(update={"secret": secret}))
    purged = await driver.purge([order(target("/p")), order(replace(target("/p"), host="a b"))])
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

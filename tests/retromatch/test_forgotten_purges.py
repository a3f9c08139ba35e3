"""Purges that make up for forgotten targets, on a real Redis."""

import time

import pytest
from tests.support.eventually import eventually
from tests.support.real_caches import image, target

from edgeward import metrics
from edgeward.purging.image_orders import image_orders
from edgeward.purging.orders import Orders, PurgeResult
from edgeward.retromatch import forgotten_purges as module
from edgeward.retromatch.forgotten_purges import ForgottenPurges, ForgottenPurgesWorker
from edgeward.sightings.codec import image_id
from edgeward.sightings.forgotten import CLOCK_SECONDS, ForgottenTargets
from edgeward.store.connection import Store
from edgeward.types import Cause, Delivery, Outcome

CACHES = ("one", "two")
SHA256 = image("a").sha256


class Bench:
    """What was forgotten, and orders that are given outcomes by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.orders = Orders(store)
        # What was forgotten now can be repaired at once.
        self.forgotten = ForgottenTargets(store, 86400, -CLOCK_SECONDS - 9)
        self.purges = ForgottenPurges(store, self.forgotten, self.orders)

    async def place(self) -> str:
        """Forget three targets of an image, and purge their prefix. Returns the order."""
        await self.forgotten.remember_of_image(image_id(SHA256), [target(f"/a?{number}") for number in range(3)])
        orders = image_orders(
            SHA256, [target("/1")], Cause.LISTING, time.time(), forgotten=await self.forgotten.of_image(SHA256)
        )
        return (await self.purges.place(orders))[1]

    async def answer(self, order_id: str, cache: str, delivery: Delivery, status: int = 200) -> None:
        outcome = Outcome(order_id, cache, delivery, time.time(), 1, status)
        await self.orders.record_results(cache, [PurgeResult(order_id, outcome)])

    async def followed(self) -> int:
        return int(await self.store.redis.hlen(self.store.key("{forgotten}", "purges")))


@pytest.fixture
async def bench(store: Store) -> Bench:
    bench = Bench(store)
    for cache in CACHES:
        await bench.orders.ensure_group(cache)
    return bench


async def test_targets_are_no_longer_missed_when_every_cache_has_purged_them(bench: Bench) -> None:
    """Not before the last one has; after that nothing is followed."""
    order_id = await bench.place()
    assert await bench.followed() == 1
    await bench.answer(order_id, "one", Delivery.DELIVERED)
    await bench.purges.check(CACHES)
    assert (await bench.forgotten.totals()).known == 3
    await bench.answer(order_id, "two", Delivery.VERIFIED)
    await bench.purges.check(CACHES)
    assert await bench.forgotten.of_image(SHA256) == {}
    assert (await bench.forgotten.totals()).targets == 0
    assert await bench.followed() == 0


async def test_a_cache_that_cannot_purge_by_prefix(bench: Bench) -> None:
    """Its copies stay: the targets are still missed, though the order is done."""
    order_id = await bench.place()
    await bench.answer(order_id, "one", Delivery.VERIFIED)
    await bench.answer(order_id, "two", Delivery.UNSUPPORTED, 0)
    await bench.purges.check(CACHES)
    assert (await bench.forgotten.totals()).known == 3
    assert await bench.followed() == 0


async def test_a_refused_purge_is_followed_until_it_is_done(bench: Bench) -> None:
    """It is retried when the configuration is fixed."""
    order_id = await bench.place()
    await bench.answer(order_id, "one", Delivery.REFUSED, 403)
    await bench.purges.check(CACHES[:1])
    assert (await bench.followed(), (await bench.forgotten.totals()).known) == (1, 3)


async def test_an_order_that_is_no_longer_on_record_repairs_nothing(bench: Bench) -> None:
    """What became of it is not known."""
    order_id = await bench.place()
    await bench.store.redis.xdel(bench.store.key("{purges}", "orders"), order_id)
    await bench.purges.check(CACHES)
    assert (await bench.followed(), (await bench.forgotten.totals()).known) == (0, 3)


async def test_the_number_that_is_followed_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders beyond it are placed as well."""
    monkeypatch.setattr(module, "MAX_FOLLOWED", 1)
    ids = [await bench.place() for _ in range(3)]
    assert len(await bench.orders.get_many(ids)) == 3
    assert await bench.followed() == 1


async def test_a_controller_follows_orders_and_counts_what_is_forgotten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the metric."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)

    def counted(number: int) -> bool:
        return metrics.registry.get_sample_value("edgeward_sightings_forgotten") == number

    order_id = await bench.place()
    worker = ForgottenPurgesWorker(bench.purges, bench.forgotten, CACHES)
    await worker.start()
    await eventually(lambda: counted(3))
    for cache in CACHES:
        await bench.answer(order_id, cache, Delivery.VERIFIED)
    await eventually(lambda: counted(0))
    await worker.close()

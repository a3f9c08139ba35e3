"""Purges by prefix in place of many for targets, on a real Redis."""

import time
from collections.abc import AsyncIterator

import pytest
from tests.support.real_caches import target

from edgeward import metrics
from edgeward.proxy import prefix_purges as module
from edgeward.proxy.prefix_purges import PrefixPurges
from edgeward.purging.order_room import OrderRoom
from edgeward.purging.orders import Orders
from edgeward.retromatch.forgotten_purges import ForgottenPurges
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.forgotten import EVERYWHERE
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Cause, PurgeOrder, Scope, Target

SHA256 = "ab" * 32


class Bench:
    """Purges of one worker, and what they write to."""

    def __init__(self, store: Store, tags: bool = False) -> None:
        self.sightings, self.orders = Sightings(store, SightingsSettings()), Orders(store)
        self.room = OrderRoom(store, self.sightings.memory)
        purges = ForgottenPurges(store, self.sightings.forgotten, self.orders)
        self.purges = PrefixPurges(self.sightings.forgotten, purges, self.room, tags)

    async def placed(self) -> list[PurgeOrder]:
        """Oldest first."""
        return [order for order, _ in await self.orders.recent(1000)][::-1]


@pytest.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    bench = Bench(store)
    yield bench
    bench.purges.end_pause()
    await bench.purges.buffer.close()


def by_prefix(orders: list[PurgeOrder]) -> dict[Target, int]:
    assert {order.scope for order in orders} <= {Scope.PREFIX}
    return {order.target: order.forgotten for order in orders}


async def test_one_order_stands_for_many_targets(bench: Bench) -> None:
    """It tells how many, for the entry that matched; each is counted. Another path gets an order of its own."""
    before = metrics.registry.get_sample_value("edgeward_matches_purged_by_prefix_total") or 0.0
    for number in range(50):
        assert bench.purges.add(target(f"/a?{number}"), SHA256, "e1")
    bench.purges.add(target("/b?x"), SHA256, "e1")
    await bench.purges.buffer.start()
    await bench.purges.buffer.flush()
    placed = await bench.placed()
    assert by_prefix(placed) == {target("/a"): 50, target("/b"): 1}
    assert {(order.cause, order.sha256, order.entry_id) for order in placed} == {(Cause.MATCH, SHA256, "e1")}
    assert set(await bench.orders.ids_of_entries(["e1"])) == {order.id for order in placed}
    assert metrics.registry.get_sample_value("edgeward_matches_purged_by_prefix_total") == before + 51


async def test_the_latest_order_counts_the_targets_of_all_workers(bench: Bench, store: Store) -> None:
    """A receipt reads the latest order of each prefix. It is one that a later purge of the image finds too."""
    other = Bench(store)
    await bench.purges.buffer.start()
    await other.purges.buffer.start()
    bench.purges.add(target("/a?1"), SHA256, "e1")
    await bench.purges.buffer.flush()
    other.purges.add(target("/a?2"), SHA256, "e1")
    await other.purges.buffer.close()
    assert [order.forgotten for order in await bench.placed()] == [1, 2]
    assert await bench.sightings.forgotten.of_image(SHA256) == {target("/a"): 2}


async def test_purges_of_one_image_are_few(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is added within the pause shares the next purge, and is not done before it is placed."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 3600.0)
    await bench.purges.buffer.start()
    bench.purges.add(target("/a?0"), SHA256, "e1")
    await bench.purges.buffer.flush()
    for number in range(1, 300):
        bench.purges.add(target(f"/a?{number}"), SHA256, "e1")
    mark = bench.purges.buffer.mark
    assert not bench.purges.buffer.reached(mark)
    assert [order.forgotten for order in await bench.placed()] == [1]
    bench.purges.end_pause()
    await bench.purges.buffer.flush()
    assert [order.forgotten for order in await bench.placed()] == [1, 300]


async def test_a_whole_host_is_purged_rarely(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where many paths serve an image, or one at the root: once a minute, or when the worker ends."""
    monkeypatch.setattr(module, "MAX_PREFIXES", 2)
    for number in range(5):
        bench.purges.add(target(f"/{number}"), SHA256, "e1")
    await bench.purges.buffer.start()
    await bench.purges.buffer.flush()
    assert by_prefix(await bench.placed()) == {target("/0"): 1, target("/1"): 1, target("/"): 3}
    bench.purges.add(target("/0?x"), SHA256, "e1")
    assert bench.purges._next_at > time.monotonic() + 30
    bench.purges.end_pause()
    await bench.purges.buffer.flush()
    assert (await bench.placed())[-1].forgotten == 2


async def test_what_waits_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the first bound by host, beyond the second all hosts together, beyond the last refused."""
    for name, most in (("MAX_PREFIXES", 1), ("MAX_HOSTS", 2), ("MAX_IMAGES", 4)):
        monkeypatch.setattr(module, name, most)
    for host in "abcd":
        assert bench.purges.add(Target("http", host, "/x/y"), SHA256, "e1")
    assert bench.purges.add(target("/"), "cd" * 32, "e1")
    assert not bench.purges.add(target("/"), "ef" * 32, "e1")
    await bench.purges.buffer.start()
    await bench.purges.buffer.flush()
    own = [order for order in await bench.placed() if order.sha256 == SHA256]
    assert by_prefix(own) == {Target("http", "a", "/x/y"): 1, Target("http", "b", "/"): 1, EVERYWHERE: 2}


async def test_with_tags_one_order_by_tag_is_placed_too(store: Store) -> None:
    """A cache that purges by tag and not by prefix removes all copies by it."""
    bench = Bench(store, tags=True)
    await bench.purges.place([PurgeOrder(target("/a?1"), Cause.MATCH, 1.0, SHA256, "e1")])
    placed = await bench.placed()
    assert [(order.scope, order.forgotten) for order in placed] == [(Scope.PREFIX, 1), (Scope.TAG, 1)]


async def test_a_store_that_fails_costs_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be ordered is ordered with the next attempt."""
    failures = iter([ConnectionError("gone")])

    async def place(orders: object) -> list[str]:
        for failure in failures:
            raise failure
        return await place_before(orders)  # type: ignore[arg-type]

    place_before = bench.purges._purges.place
    monkeypatch.setattr(bench.purges._purges, "place", place)
    bench.purges.add(target("/a?1"), SHA256, "e1")
    bench.purges.add(target("/b?1"), "cd" * 32, "e2")
    await bench.purges.buffer.start()
    await bench.purges.buffer.flush()
    assert {order.target for order in await bench.placed()} == {target("/a"), target("/b")}

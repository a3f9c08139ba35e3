"""From changes to orders, with the parts of a controller but without its loop."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
from tests.takedown.conftest import image, target

from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.config import SightingsSettings
from edgeward.store.connection import Store
from edgeward.takedown.backwards.hindsight import Hindsight, Work
from edgeward.takedown.backwards.lookback import Lookback
from edgeward.takedown.backwards.progress import Progress
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Change, Entry, Fingerprint, HashList, Mode, Sighting, Signal, View

MD5 = Signal("md5", "ab" * 16)


class Bench:
    def __init__(self, store: Store) -> None:
        self.catalogue, self.replica = Catalogue(store), Replica(store, "controller")
        self.sightings, self.orders = Sightings(store, SightingsSettings()), Orders(store)
        self.lookback = Lookback(self.sightings)
        self.hindsight = Hindsight(
            self.lookback, self.replica, self.catalogue, self.sightings, self.orders, Progress(store), tags=False
        )

    async def see(self, path: str, fingerprint: Fingerprint) -> None:
        await self.see_all({path: fingerprint})

    async def see_all(self, images: Mapping[str, Fingerprint]) -> None:
        await self.sightings.write([Sighting(target(path), each, time.time(), 0) for path, each in images.items()])

    async def reach(self, change: Change) -> None:
        assert await self.replica.wait_version(change.version, 60)
        await self.lookback.refresh()


@pytest.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    bench = Bench(store)
    await bench.catalogue.create_list(HashList("bad"), "tester")
    await bench.replica.start()
    yield bench
    await bench.replica.close()


async def test_an_image_that_several_entries_list_is_ordered_out_once(bench: Bench) -> None:
    """It is put down to the first of them; each of the changes has its orders."""
    seen = image("a", MD5)
    await bench.see("/1", seen)
    changes = await bench.catalogue.add_entries([Entry("bad", MD5), Entry("bad", seen.signals[0])], "tester", "why")
    await bench.reach(changes[-1])
    orders = await bench.hindsight.entries([Work(change, None) for change in changes], {})
    assert len(set(map(tuple, orders.values()))) == 1
    assert orders.keys() == {change.version for change in changes}
    ((order, _),) = await bench.orders.recent()
    assert (order.started_at, order.why, order.by) == (changes[0].at, "why", "tester")


async def test_what_is_placed_is_not_placed_again(bench: Bench) -> None:
    """A change of policy in the same batch answers with the orders that an entry has led to."""
    seen = image("a", MD5)
    await bench.see("/1", seen)
    (change,) = await bench.catalogue.add_entries([Entry("bad", MD5)], "tester")
    policy = await bench.catalogue.set_list(HashList("bad", radius={"pdq": 9}), "tester")
    await bench.reach(policy)
    placed: dict[str, list[str]] = {}
    orders = await bench.hindsight.entries([Work(change, None)], placed)
    was = HashList("bad", mode=Mode.OFF)
    assert await bench.hindsight.policy(Work(policy, was), placed) == orders[change.version] != []
    assert len(await bench.orders.recent()) == 1


async def test_many_images_and_targets(bench: Bench) -> None:
    """Orders of hundreds of images that one entry lists, several targets each, are each image's own."""
    numbers = range(300)
    await bench.see_all({f"/{number}{query}": image(str(number), MD5) for number in numbers for query in ("", "?1")})
    (change,) = await bench.catalogue.add_entries([Entry("bad", MD5)], "tester")
    await bench.reach(change)
    placed: dict[str, list[str]] = {}
    ids = (await bench.hindsight.entries([Work(change, None)], placed))[change.version]
    found = {order.id: order for order, _ in await bench.orders.of(ids)}
    assert len(found) == 600
    for number in (0, 150, 299):
        seen = image(str(number)).sha256
        mine = [found[each] for each in placed[seen[:32]]]
        assert {(each.sha256, each.target.path) for each in mine} == {(seen, f"/{number}"), (seen, f"/{number}?1")}


async def test_a_joint_entry_orders_out_what_was_seen(bench: Bench) -> None:
    """Of images with a near dhash, those whose PDQ is near too; on a list that asks, also what was searched for."""
    dhash, pdq = Signal("dhash", "0f1e2d3c4b5a6978"), Signal("pdq", "0f" * 32, 90)
    far = Signal("pdq", "f0" * 32, 90)
    searched = replace(pdq, view=View.SEARCHED)
    for name, more in (("near", (pdq, dhash)), ("far", (far, dhash)), ("cropped", (far, dhash, searched))):
        await bench.see(f"/{name}", image(name, *more))
    entry = Entry("bad", Signal("pdq-dhash", dhash.value + "0f" * 30 + "ffff", 90))
    (change,) = await bench.catalogue.add_entries([entry], "tester")
    await bench.reach(change)
    placed: dict[str, list[str]] = {}
    await bench.hindsight.entries([Work(change, None)], placed)
    assert placed.keys() == {image("near").sha256[:32]}
    was = HashList("bad")
    policy = await bench.catalogue.set_list(replace(was, geometry=True), "tester")
    await bench.reach(policy)
    assert len(await bench.hindsight.policy(Work(policy, was), placed)) == 2
    assert placed.keys() == {image(name).sha256[:32] for name in ("near", "cropped")}

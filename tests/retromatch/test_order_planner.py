"""From changes to orders, without the loop of the worker."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
from tests.support.real_caches import image, target

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.purging.orders import Orders
from edgeward.retromatch.order_placement import PlacedOrders
from edgeward.retromatch.order_planner import OrderPlanner, PendingChange
from edgeward.retromatch.progress import Progress
from edgeward.retromatch.seen_image_search import SeenImageSearch
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.codec import image_id
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import (
    Cause,
    Change,
    Entry,
    Fingerprint,
    HashList,
    Mode,
    PurgeOrder,
    Scope,
    Sighting,
    Signal,
    Target,
    View,
)

MD5 = Signal("md5", "ab" * 16)


class Bench:
    def __init__(self, store: Store) -> None:
        self.list_store, self.replica = ListStore(store), Replica(store, "controller")
        self.sightings, self.orders = Sightings(store, SightingsSettings()), Orders(store)
        self.seen_image_search, self.progress = SeenImageSearch(self.sightings), Progress(store)
        self.order_planner = OrderPlanner(
            self.seen_image_search,
            self.replica,
            self.list_store,
            self.sightings,
            self.orders,
            self.progress,
            tags=False,
        )

    async def see(self, path: str, fingerprint: Fingerprint) -> None:
        await self.see_all({path: fingerprint})

    async def see_all(self, images: Mapping[str, Fingerprint]) -> None:
        await self.sightings.write([Sighting(target(path), each, time.time(), 0) for path, each in images.items()])

    async def match_policy(self, change: Change, was: HashList, placed: PlacedOrders) -> list[str]:
        """The ids of the orders that a change of policy led to."""
        async for _ in self.order_planner.match_in_steps(PendingChange(change, was), placed):
            pass
        return await self.progress.step_orders(change.version)

    async def catch_up(self, change: Change) -> None:
        assert await self.replica.wait_version(change.version, 60)
        await self.seen_image_search.refresh()


@pytest.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    bench = Bench(store)
    await bench.list_store.create_list(HashList("bad"), "tester")
    await bench.replica.start()
    yield bench
    await bench.replica.close()


async def test_an_image_that_several_entries_list_is_purged_once(bench: Bench) -> None:
    """The first entry gets the orders attributed; each of the changes has them."""
    seen = image("a", MD5)
    await bench.see("/1", seen)
    changes = await bench.list_store.add_entries([Entry("bad", MD5), Entry("bad", seen.signals[0])], "tester", "why")
    await bench.catch_up(changes[-1])
    orders = await bench.order_planner.match_entries([PendingChange(change, None) for change in changes], {})
    assert len(set(map(tuple, orders.values()))) == 1
    assert orders.keys() == {change.version for change in changes}
    ((order, _),) = await bench.orders.recent()
    assert (order.started_at, order.why, order.by) == (changes[0].at, "why", "tester")
    # So that the receipt of neither says that nothing was seen.
    for change in changes:
        assert change.entry
        assert await bench.orders.ids_of_entries([change.entry.id]) == [order.id]


async def test_an_entry_has_the_orders_that_another_decides(bench: Bench) -> None:
    """An image that another entry blocks already: its orders are also those of a new entry that matches it, and no
    others are."""
    seen = image("a", MD5)
    await bench.see_all({"/1": seen, "/other": image("b")})
    placed = []
    for signal in (seen.signals[0], MD5):
        (change,) = await bench.list_store.add_entries([Entry("bad", signal)], "tester")
        await bench.catch_up(change)
        await bench.order_planner.match_entries([PendingChange(change, None)], {})
        assert change.entry
        placed.append(await bench.orders.ids_of_entries([change.entry.id]))
    assert all(placed)
    assert set(placed[0]) | set(placed[1]) == {order.id for order, _ in await bench.orders.recent()}


async def test_placed_orders_are_not_placed_again(bench: Bench) -> None:
    """A change of policy in the same batch has the orders that an entry led to already."""
    seen = image("a", MD5)
    await bench.see("/1", seen)
    (change,) = await bench.list_store.add_entries([Entry("bad", MD5)], "tester")
    policy = await bench.list_store.set_list(HashList("bad", radius={"pdq": 9}), "tester")
    await bench.catch_up(policy)
    placed: dict[str, list[str]] = {}
    orders = await bench.order_planner.match_entries([PendingChange(change, None)], placed)
    was = HashList("bad", mode=Mode.OFF)
    assert await bench.match_policy(policy, was, placed) == orders[change.version] != []
    assert len(await bench.orders.recent()) == 1


async def test_many_images_and_targets(bench: Bench) -> None:
    """If one entry lists hundreds of images with several targets, each image has its own orders."""
    numbers = range(300)
    await bench.see_all({f"/{number}{query}": image(str(number), MD5) for number in numbers for query in ("", "?1")})
    (change,) = await bench.list_store.add_entries([Entry("bad", MD5)], "tester")
    await bench.catch_up(change)
    placed: dict[str, list[str]] = {}
    ids = (await bench.order_planner.match_entries([PendingChange(change, None)], placed))[change.version]
    found = {order.id: order for order, _ in await bench.orders.get_many(ids)}
    assert len(found) == 600
    for number in (0, 150, 299):
        seen = image(str(number)).sha256
        own = [found[each] for each in placed[seen[:32]]]
        assert {(each.sha256, each.target.path) for each in own} == {(seen, f"/{number}"), (seen, f"/{number}?1")}


async def test_a_composite_entry_purges_what_was_seen(bench: Bench) -> None:
    """Of images with a near dhash, those whose PDQ is near too; on a list with `geometry`, also PDQs of that view."""
    dhash, pdq = Signal("dhash", "0f1e2d3c4b5a6978"), Signal("pdq", "0f" * 32, 90)
    far = Signal("pdq", "f0" * 32, 90)
    searched = replace(pdq, view=View.GEOMETRY)
    for name, more in (("near", (pdq, dhash)), ("far", (far, dhash)), ("cropped", (far, dhash, searched))):
        await bench.see(f"/{name}", image(name, *more))
    entry = Entry("bad", Signal("pdq-dhash", dhash.value + "0f" * 30 + "ffff", 90))
    (change,) = await bench.list_store.add_entries([entry], "tester")
    await bench.catch_up(change)
    placed: dict[str, list[str]] = {}
    await bench.order_planner.match_entries([PendingChange(change, None)], placed)
    assert placed.keys() == {image("near").sha256[:32]}
    was = HashList("bad")
    policy = await bench.list_store.set_list(replace(was, geometry=True), "tester")
    await bench.catch_up(policy)
    assert len(await bench.match_policy(policy, was, placed)) == 2
    assert placed.keys() == {image(name).sha256[:32] for name in ("near", "cropped")}


async def list_image(bench: Bench, *names: str) -> dict[int, list[PurgeOrder]]:
    """List images by their SHA-256 in one batch. Returns by version the orders that followed."""
    entries = [Entry("bad", image(name).signals[0]) for name in names]
    changes = await bench.list_store.add_entries(entries, "tester", "why")
    await bench.catch_up(changes[-1])
    ids = await bench.order_planner.match_entries([PendingChange(change, None) for change in changes], {})
    return {version: [order for order, _ in await bench.orders.get_many(each)] for version, each in ids.items()}


async def test_forgotten_targets_of_an_image_are_purged_by_prefix(bench: Bench) -> None:
    """Beside the known ones: an order for each prefix says how many targets it stands for. So does the one by tag."""
    await bench.see_all({"/1": image("a"), "/other": image("b")})
    await bench.sightings.forgotten.remember_of_image(
        image_id(image("a").sha256), [target("/a?1"), target("/a?2"), target("/b")]
    )
    (orders,) = (await list_image(bench, "a")).values()
    found = {(order.scope, order.target.path, order.forgotten) for order in orders}
    assert found == {(Scope.TARGET, "/1", 0), (Scope.PREFIX, "/a", 2), (Scope.PREFIX, "/b", 1)}
    assert {(order.sha256, order.entry_id) for order in orders} == {
        (image("a").sha256, Entry("bad", image("a").signals[0]).id)
    }


async def test_a_listing_purges_the_hosts_of_lost_targets(bench: Bench) -> None:
    """Their images are not known. One order for each host serves all entries of a batch, and each has it on record; a
    list that only monitors purges none."""
    await bench.see("/1", image("a"))
    await bench.sightings.forgotten.remember_lost({target("/x"): 3, replace(target("/"), host="other.test"): 2})
    by_version = await list_image(bench, "a", "b", "c")
    expected = {("img.test", 3), ("other.test", 2)}
    for orders in by_version.values():
        lost = [order for order in orders if order.scope is Scope.PREFIX]
        assert {(order.target.host, order.forgotten) for order in lost} == expected
        assert {(order.target.path, order.sha256, order.cause) for order in lost} == {("/", "", Cause.LISTING)}
    assert len(await bench.orders.recent()) == 3
    for name in "abc":
        ids = await bench.orders.ids_of_entries([Entry("bad", image(name).signals[0]).id])
        assert len([order for order, _ in await bench.orders.get_many(ids) if order.scope is Scope.PREFIX]) == 2
    await bench.list_store.set_list(HashList("bad", mode=Mode.MONITOR), "tester")
    assert await list_image(bench, "d") == {6: []}


async def test_a_policy_that_matches_more_purges_the_hosts_of_lost_targets(bench: Bench) -> None:
    """Once, also if a controller takes over after it."""
    await bench.list_store.add_entries([Entry("bad", MD5)], "tester")
    was = HashList("bad", mode=Mode.OFF)
    policy = await bench.list_store.set_list(HashList("bad", radius={"pdq": 9}), "tester")
    await bench.catch_up(policy)
    await bench.sightings.forgotten.remember_lost({target("/x"): 3})
    first = await bench.match_policy(policy, was, {})
    assert await bench.match_policy(policy, was, {}) == first != []
    ((order, _),) = await bench.orders.recent()
    assert (order.scope, order.forgotten, order.started_at) == (Scope.PREFIX, 3, policy.at)


async def test_a_limited_list_purges_where_it_acts(bench: Bench) -> None:
    """An entry of it places orders for the targets there alone, of which each names the entry that blocks it. Once it
    acts at more targets, they are purged too; once it acts at fewer, nothing is."""
    limited = HashList("limited", paths=("/x/",))
    await bench.list_store.create_list(limited, "tester")
    seen = image("a", MD5)
    await bench.see_all(dict.fromkeys(("/x/1", "/x/2", "/y/../x/3", "/y/1", "/z/1"), seen))
    (change,) = await bench.list_store.add_entries([Entry("limited", MD5)], "tester")
    await bench.catch_up(change)
    await bench.order_planner.match_entries([PendingChange(change, None)], {})
    assert change.entry
    assert await orders_of(bench, change.entry) == ["/x/1", "/x/2", "/y/../x/3"]
    wider = replace(limited, paths=("/x/", "/y/"))
    widened = await bench.list_store.set_list(wider, "tester")
    await bench.catch_up(widened)
    placed = await bench.match_policy(widened, limited, {})
    assert "/y/1" in [order.target.path for order, _ in await bench.orders.get_many(placed)]
    narrowed = await bench.list_store.set_list(limited, "tester")
    await bench.catch_up(narrowed)
    assert await bench.match_policy(narrowed, wider, {}) == []
    (other,) = await bench.list_store.add_entries([Entry("bad", seen.signals[0])], "tester")
    await bench.catch_up(other)
    assert other.entry
    await bench.order_planner.match_entries([PendingChange(other, None)], {})
    # Digests of one image are equally near, and lists come by name: "bad" decides everywhere.
    assert {"/z/1", "/x/1"} <= set(await orders_of(bench, other.entry))


async def orders_of(bench: Bench, entry: Entry) -> list[str]:
    ids = await bench.orders.ids_of_entries([entry.id])
    return sorted(order.target.path for order, _ in await bench.orders.get_many(ids))


async def test_a_purge_by_tag_is_for_what_is_blocked_everywhere(bench: Bench, store: Store) -> None:
    """It would remove copies where the list does not act."""
    planner = OrderPlanner(
        *(bench.seen_image_search, bench.replica, bench.list_store, bench.sightings, bench.orders, Progress(store)),
        tags=True,
    )
    await bench.list_store.create_list(HashList("limited", paths=("/x/",)), "tester")
    inside, both = image("a", MD5), image("b", Signal("md5", "cd" * 16))
    await bench.see_all({"/x/1": inside, "/x/2": both})
    await bench.see_all({"/y/2": both})
    changes = await bench.list_store.add_entries([Entry("limited", each.signals[1]) for each in (inside, both)], "me")
    await bench.catch_up(changes[-1])
    await planner.match_entries([PendingChange(change, None) for change in changes], {})
    tagged = [order.sha256 for order, _ in await bench.orders.recent() if order.scope is Scope.TAG]
    assert tagged == [inside.sha256]


async def test_forgotten_targets_are_purged_where_a_list_may_act(bench: Bench) -> None:
    """By prefix: at its hosts, and where the host is not known."""
    await bench.list_store.create_list(HashList("limited", hosts=("img.test",)), "tester")
    seen = image("a", MD5)
    await bench.see("/1", seen)
    prefixes = [Target("http", host, "/") for host in ("img.test", "other.test")]
    await bench.sightings.forgotten.count_of_image(image_id(seen.sha256), dict.fromkeys(prefixes, 2))
    (change,) = await bench.list_store.add_entries([Entry("limited", MD5)], "tester")
    await bench.catch_up(change)
    await bench.order_planner.match_entries([PendingChange(change, None)], {})
    found = {order.target.host for order, _ in await bench.orders.recent() if order.scope is Scope.PREFIX}
    assert found == {"img.test"}

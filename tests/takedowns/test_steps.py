"""The steps of a takedown, over a real Redis."""

import asyncio

from tests.support.real_caches import image, target
from tests.takedowns.controller import Controller, make_takedown, open_controller, urls_of

from edgeward.lists.replication.replica import Replica
from edgeward.lists.replication.unjudged_report import UnjudgedReport
from edgeward.sightings.codec import image_id
from edgeward.store.connection import Store
from edgeward.types import NO_TARGET, Cause, HashList, Mode, PurgeOrder, Scope, Signal, Target, image_tag

PDQ = "0123456789abcdef" * 4


async def test_urls_are_purged_in_every_form(store: Store) -> None:
    """Each form gets one order, with who asked for it, why, when, and the takedown that it belongs to."""
    async with open_controller(store) as controller:
        await controller.see("http://img.test/a.jpg?w=1", image("a"))
        urls = tuple(Target("http", "img.test", path) for path in ("/a.jpg", "/%61.jpg"))
        takedown = make_takedown(urls=urls)
        orders = await controller.place(takedown)
        assert len(orders) == len(set(urls_of(orders))) == 5
        assert "http://img.test/a.jpg?w=1" in urls_of(orders)
        for order in orders:
            assert (order.cause, order.scope) == (Cause.TAKEDOWN, Scope.TARGET)
            assert (order.started_at, order.by, order.why) == (takedown.at, "ana", "case 9")
            assert order.takedown == "td-1"


async def test_a_prefix_is_purged_whole_and_one_by_one(store: Store) -> None:
    """First the order for caches that can remove by prefix, then one for each target seen below it."""
    async with open_controller(store) as controller:
        seen = await controller.see("http://img.test/u/17/a.jpg", image("a"))
        await controller.see("http://img.test/u/18/a.jpg", image("a"))
        prefix = Target("https", "img.test", "/u/17/")
        orders = await controller.place(make_takedown(prefixes=(prefix,)))
        assert [(order.scope, order.target) for order in orders] == [(Scope.PREFIX, prefix), (Scope.TARGET, seen)]


async def test_a_hash_purges_every_copy_of_its_images(store: Store) -> None:
    """Each image near it is purged wherever it was seen; by its tag too, if caches have tags."""
    async with open_controller(store, tags=True) as controller:
        one = image("a", Signal("pdq", PDQ, 90))
        seen = [await controller.see(url, one) for url in ("http://img.test/1", "http://other.test/2")]
        orders = await controller.place(make_takedown(signals=(Signal("pdq", PDQ), Signal("sha256", one.sha256))))
        assert {order.target for order in orders if order.scope is Scope.TARGET} == set(seen)
        (tagged,) = [order for order in orders if order.scope is Scope.TAG]
        assert (tagged.target, tagged.tag) == (NO_TARGET, image_tag(one.sha256))
        assert {order.sha256 for order in orders} == {one.sha256}


async def test_a_takedown_limited_to_hosts_purges_no_others(store: Store) -> None:
    """Only targets at these hosts are purged, and nothing by tag: that would remove the copies of other hosts."""
    async with open_controller(store, tags=True) as controller:
        one = image("a")
        for url in ("http://img.test/1", "http://other.test/2"):
            await controller.see(url, one)
        orders = await controller.place(make_takedown(signals=(Signal("sha256", one.sha256),), hosts=("img.test",)))
        assert [(order.scope, order.target.url) for order in orders] == [(Scope.TARGET, "http://img.test/1")]


async def test_what_a_worker_has_just_served_is_included(store: Store) -> None:
    """A takedown waits for a worker that has not written its sightings yet, and includes them."""
    async with open_controller(store) as controller:
        worker, flushed = Replica(store, "worker"), asyncio.Event()

        async def flush() -> None:
            flushed.set()
            await controller.see("http://img.test/1?late", image("a"), accept="image/webp")

        await worker.start()
        worker.before_report = flush
        orders = await controller.place(make_takedown(urls=(target("/1"),)))
        assert flushed.is_set()
        assert ("/1?late", (("accept", "image/webp"),)) in [(each.target.path, each.target.vary) for each in orders]
        await worker.close()


async def test_what_was_unjudged_is_looked_for_again(store: Store) -> None:
    """What is known is purged without waiting for a response that a worker is still judging; what that shows is purged
    too."""
    async with open_controller(store) as controller:
        worker, placed = Replica(store, "worker"), asyncio.Event()

        async def settle() -> None:
            await placed.wait()
            await controller.see("http://img.test/1?late", image("a"))

        await worker.start()
        worker.settle, worker.unjudged = settle, lambda: UnjudgedReport(1)
        await controller.see("http://img.test/1", image("a"))
        urls: list[str] = []
        for step in controller.steps.plan(make_takedown(urls=(target("/1"),))):
            async for ids in step():
                urls += [order.target.url for order, _ in await controller.orders.get_many(ids)]
                if "http://img.test/1" in urls:
                    placed.set()
        assert "http://img.test/1?late" in urls
        assert urls.index("http://img.test/1") < urls.index("http://img.test/1?late")
        await worker.close()


def by_prefix(orders: list[PurgeOrder]) -> set[tuple[str, str, int]]:
    """Scheme, path and number of forgotten targets of each order by prefix."""
    return {(each.target.scheme, each.target.path, each.forgotten) for each in orders if each.scope is Scope.PREFIX}


async def test_forgotten_forms_of_a_url_are_purged_by_prefix(store: Store) -> None:
    """In the form in which they were requested; where only a host is remembered, below the URL itself."""
    async with open_controller(store) as controller:
        seen = image_id(image("a").sha256)
        forms = [target("/a.jpg?1"), target("/a.jpg?2"), Target("https", "img.test", "//%61.jpg?3"), target("/b.jpg")]
        await controller.sightings.forgotten.remember_of_image(seen, forms)
        await controller.sightings.forgotten.remember_of_image(seen, [Target("http", "other.test", "/a.jpg")])
        orders = await controller.place(make_takedown(urls=(target("/a.jpg?w=1"),)))
        assert by_prefix(orders) == {("http", "/a.jpg", 2), ("https", "//%61.jpg", 1)}
        assert {(each.cause, each.takedown) for each in orders} == {(Cause.TAKEDOWN, "td-1")}
        await controller.sightings.forgotten.remember_lost({target("/any"): 5})
        orders = await controller.place(make_takedown(urls=(target("/a.jpg"), target("/c.jpg?x"))))
        assert by_prefix(orders) == {("http", "/a.jpg", 7), ("https", "//%61.jpg", 1), ("http", "/c.jpg", 5)}


async def test_a_prefix_stands_for_what_was_forgotten_below_it(store: Store) -> None:
    """Its order says how many; a form that a cache does not find below it has its own order."""
    async with open_controller(store) as controller:
        seen = image_id(image("a").sha256)
        forms = [target("/u/17/a?1"), target("/u/17/a?2"), target("/u//17/b"), target("/v/17/a")]
        await controller.sightings.forgotten.remember_of_image(seen, forms)
        orders = await controller.place(make_takedown(prefixes=(target("/u/17/"), target("/w/"))))
        assert by_prefix(orders) == {("http", "/u/17/", 2), ("http", "/u//17/b", 1), ("http", "/w/", 0)}


async def test_a_hash_purges_where_its_image_was_forgotten_and_where_any_was_lost(store: Store) -> None:
    """Limited to hosts, only there."""
    async with open_controller(store) as controller:
        one = image("a")
        await controller.see("http://img.test/1", one)
        places = [target("/a?1"), Target("http", "other.test", "/b")]
        await controller.sightings.forgotten.remember_of_image(image_id(one.sha256), places)
        await controller.sightings.forgotten.remember_lost({target("/x"): 4, Target("http", "other.test", "/"): 3})
        signals = (Signal("sha256", one.sha256),)
        orders = await controller.place(make_takedown(signals=signals))
        assert by_prefix(orders) == {("http", "/a", 1), ("http", "/b", 1), ("http", "/", 4), ("http", "/", 3)}
        assert {each.sha256 for each in orders if each.target.path == "/a"} == {one.sha256}
        orders = await controller.place(make_takedown("td-2", signals=signals, hosts=("IMG.test",)))
        assert by_prefix(orders) == {("http", "/a", 1), ("http", "/", 4)}


async def _listed(controller: Controller, mode: Mode = Mode.ENFORCE) -> list[PurgeOrder]:
    await controller.list_store.create_list(HashList("court", mode=mode), "tester")
    one = image("a")
    await controller.see("http://img.test/1", one)
    version = await controller.list_store.version()
    return await controller.place(make_takedown(signals=(Signal("sha256", one.sha256),), list="court", version=version))


async def test_the_orders_of_a_listing_belong_to_it(store: Store) -> None:
    """With a list the hash is listed, and the orders that follow are among those of the takedown."""
    async with open_controller(store) as controller:
        orders = await _listed(controller)
        ((entry,),) = [page async for page in controller.list_store.scan("court")]
        assert (entry.added_by, entry.reason) == ("ana", "case 9")
        assert [(order.cause, order.entry_id) for order in orders] == [(Cause.TAKEDOWN, ""), (Cause.LISTING, entry.id)]


async def test_the_orders_of_a_listing_by_another_controller_are_found(store: Store) -> None:
    """A controller that takes over after the hash was listed, and before that was noted, still finds its orders."""
    async with open_controller(store) as controller:
        first = await _listed(controller)
        again = await controller.place(
            make_takedown(signals=(Signal("sha256", first[0].sha256),), list="court", version=1)
        )
        assert [order.id for order in again if order.cause is Cause.LISTING] == [first[1].id]


async def test_a_deleted_list_is_an_error_and_no_more(store: Store) -> None:
    """The images are still purged, and the progress says that nothing was listed."""
    async with open_controller(store) as controller:
        one = image("a")
        await controller.see("http://img.test/1", one)
        takedown = make_takedown(signals=(Signal("sha256", one.sha256),), list="deleted")
        await controller.takedowns.create(takedown)
        assert urls_of(await controller.place(takedown)) == ["http://img.test/1"]
        assert "'deleted'" in (await controller.takedowns.get("td-1"))[1].error


async def test_what_was_forgotten_since_the_first_look_is_purged_again(store: Store) -> None:
    """Below a prefix that was purged then: the later order stands for all that is forgotten there by now."""
    async with open_controller(store) as controller:
        worker, placed = Replica(store, "worker"), asyncio.Event()
        more: list[Target] = []

        async def settle() -> None:
            await placed.wait()
            if not more:
                more.extend(target(f"/1?{number}") for number in range(4))
                await controller.sightings.forgotten.remember_known(more)

        await worker.start()
        worker.settle, worker.open_count = settle, lambda: 1
        await controller.sightings.forgotten.remember_known([target("/1?first")])
        found: list[PurgeOrder] = []
        takedown = make_takedown(urls=(target("/1"),))
        await controller.takedowns.create(takedown)
        for step in controller.steps.plan(takedown):
            async for ids in step():
                await controller.takedowns.note_steps(takedown.id, 0, ids)
                found += [order for order, _ in await controller.orders.get_many(ids)]
                if found:
                    placed.set()
        assert [each.forgotten for each in found if each.scope is Scope.PREFIX] == [1, 5]
        assert len({each.target for each in found if each.scope is Scope.TARGET}) == len(found) - 2
        await worker.close()

"""The parts of a takedown, over a real Redis."""

import asyncio

from tests.takedown.conftest import image, target
from tests.takedown.removals.desk import Desk, asked, open_desk, urls_of

from edgeward.blocklist.replica import Replica
from edgeward.store.connection import Store
from edgeward.types import NOWHERE, Cause, HashList, Mode, PurgeOrder, Scope, Signal, Target, image_tag

PDQ = "0123456789abcdef" * 4


async def test_urls_are_ordered_out_in_every_spelling(store: Store) -> None:
    """Each spelling once, with who asked for it, why, when, and the takedown that it belongs to."""
    async with open_desk(store) as desk:
        await desk.see("http://img.test/a.jpg?w=1", image("a"))
        urls = tuple(Target("http", "img.test", path) for path in ("/a.jpg", "/%61.jpg"))
        takedown = asked(urls=urls)
        orders = await desk.placed(takedown)
        assert len(orders) == len(set(urls_of(orders))) == 5
        assert "http://img.test/a.jpg?w=1" in urls_of(orders)
        for order in orders:
            assert (order.cause, order.scope) == (Cause.TAKEDOWN, Scope.TARGET)
            assert (order.started_at, order.by, order.why) == (takedown.at, "ana", "case 9")
            assert order.takedown == "td-1"


async def test_a_prefix_is_ordered_out_as_such_and_one_by_one(store: Store) -> None:
    """First the order for caches that can remove by prefix, then one for each target seen below it."""
    async with open_desk(store) as desk:
        seen = await desk.see("http://img.test/u/17/a.jpg", image("a"))
        await desk.see("http://img.test/u/18/a.jpg", image("a"))
        prefix = Target("https", "img.test", "/u/17/")
        orders = await desk.placed(asked(prefixes=(prefix,)))
        assert [(order.scope, order.target) for order in orders] == [(Scope.PREFIX, prefix), (Scope.TARGET, seen)]


async def test_a_hash_takes_every_copy_of_its_images(store: Store) -> None:
    """Each image near it is ordered out wherever it was seen; by its tag too, where caches have tags."""
    async with open_desk(store, tags=True) as desk:
        one = image("a", Signal("pdq", PDQ, 90))
        seen = [await desk.see(url, one) for url in ("http://img.test/1", "http://other.test/2")]
        orders = await desk.placed(asked(signals=(Signal("pdq", PDQ), Signal("sha256", one.sha256))))
        assert {order.target for order in orders if order.scope is Scope.TARGET} == set(seen)
        (tagged,) = [order for order in orders if order.scope is Scope.TAG]
        assert (tagged.target, tagged.tag) == (NOWHERE, image_tag(one.sha256))
        assert {order.sha256 for order in orders} == {one.sha256}


async def test_a_sender_of_some_hosts_reaches_no_others(store: Store) -> None:
    """Only targets at these hosts are ordered out, and nothing by tag: that would take the copies of others."""
    async with open_desk(store, tags=True) as desk:
        one = image("a")
        for url in ("http://img.test/1", "http://other.test/2"):
            await desk.see(url, one)
        orders = await desk.placed(asked(signals=(Signal("sha256", one.sha256),), hosts=("img.test",)))
        assert [(order.scope, order.target.url) for order in orders] == [(Scope.TARGET, "http://img.test/1")]


async def test_what_a_worker_has_just_served_is_among_it(store: Store) -> None:
    """A worker that has not written yet what it served is waited for, and that is taken down too."""
    async with open_desk(store) as desk:
        worker, asked_for = Replica(store, "worker"), asyncio.Event()

        async def record() -> None:
            asked_for.set()
            await desk.see("http://img.test/1?late", image("a"), accept="image/webp")

        await worker.start()
        worker.before_report = record
        orders = await desk.placed(asked(urls=(target("/1"),)))
        assert asked_for.is_set()
        assert ("/1?late", (("accept", "image/webp"),)) in [(each.target.path, each.target.vary) for each in orders]
        await worker.close()


async def _listed(desk: Desk, mode: Mode = Mode.ENFORCE) -> list[PurgeOrder]:
    await desk.catalogue.create_list(HashList("court", mode=mode), "tester")
    one = image("a")
    await desk.see("http://img.test/1", one)
    version = await desk.catalogue.version()
    return await desk.placed(asked(signals=(Signal("sha256", one.sha256),), list="court", version=version))


async def test_the_orders_of_a_listing_belong_to_it(store: Store) -> None:
    """With a list the hash is listed, and what the listing ordered out is among the takedown's orders."""
    async with open_desk(store) as desk:
        orders = await _listed(desk)
        ((entry,),) = [page async for page in desk.catalogue.scan("court")]
        assert (entry.added_by, entry.reason) == ("ana", "case 9")
        assert [(order.cause, order.entry_id) for order in orders] == [(Cause.TAKEDOWN, ""), (Cause.LISTING, entry.id)]


async def test_a_listing_that_another_began_is_adopted(store: Store) -> None:
    """Who takes over after the hash was listed, and before that was noted, finds the listing's orders all the same."""
    async with open_desk(store) as desk:
        first = await _listed(desk)
        again = await desk.placed(asked(signals=(Signal("sha256", first[0].sha256),), list="court", version=1))
        assert [order.id for order in again if order.cause is Cause.LISTING] == [first[1].id]


async def test_a_list_that_is_gone_is_trouble_only(store: Store) -> None:
    """The images are ordered out all the same, and it is on record that nothing was listed."""
    async with open_desk(store) as desk:
        one = image("a")
        await desk.see("http://img.test/1", one)
        takedown = asked(signals=(Signal("sha256", one.sha256),), list="gone")
        await desk.takedowns.create(takedown)
        assert urls_of(await desk.placed(takedown)) == ["http://img.test/1"]
        assert "'gone'" in (await desk.takedowns.get("td-1"))[1].trouble

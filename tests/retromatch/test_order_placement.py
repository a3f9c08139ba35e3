"""The orders for images that are listed by now."""

from collections.abc import AsyncIterator

import pytest
from tests.retromatch.bench import Bench
from tests.support.real_caches import image

from edgeward.retromatch.order_placement import OrderPlacement
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, Signal

MD5 = Signal("md5", "ab" * 16)


@pytest.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    bench = Bench(store)
    for name in ("bad", "worse"):
        await bench.list_store.create_list(HashList(name), "tester")
    await bench.replica.start()
    yield bench
    await bench.replica.close()


async def test_orders_are_noted_for_all_new_entries(bench: Bench) -> None:
    """An order names the entry that decides, and is noted for the new ones that match its image too; those of an image
    that has orders already as well. An image that no list blocks gets none."""
    for name in "ab":
        await bench.see(f"/{name}", image(name, MD5))
    await bench.see("/free", image("free"))
    digest, md5, other = (
        Entry("bad", image("a").signals[0]),
        Entry("bad", MD5),
        Entry("worse", MD5),
    )
    change = (await bench.list_store.add_entries([digest, md5, other], "tester", "why"))[-1]
    assert await bench.replica.wait_version(change.version, 60)
    placement = OrderPlacement(bench.replica.matcher, bench.sightings, bench.orders, tags=False)
    ids = [image(name).sha256[:32] for name in ("a", "b", "free")]
    placed = {ids[1]: ["1-0"]}
    await placement.place_and_share(ids, change, placed, lambda entry: entry.list == "bad")
    assert placed.keys() == {ids[0], ids[1]}
    ((order, _),) = await bench.orders.recent()
    assert (placed[ids[0]], placed[ids[1]]) == ([order.id], ["1-0"])
    assert (order.target.path, order.why, order.by) == ("/a", "why", "tester")
    both = {entry.id: await bench.orders.shared.of_entries([entry.id]) for entry in (digest, md5, other)}
    assert both[other.id] == set()
    decides = order.entry_id
    assert decides in (digest.id, md5.id)
    expected = {digest.id: {order.id}, md5.id: {order.id, "1-0"}}
    assert {each: both[each] | ({order.id} if each == decides else set()) for each in expected} == expected


async def test_images_that_have_orders_get_no_others(bench: Bench) -> None:
    """Of several changes the first one is named."""
    await bench.see("/a", image("a"))
    changes = await bench.list_store.add_entries([Entry("bad", image("a").signals[0])], "ann", "why")
    assert await bench.replica.wait_version(changes[0].version, 60)
    placement = OrderPlacement(bench.replica.matcher, bench.sightings, bench.orders, tags=False)
    image_id = image("a").sha256[:32]
    placed: dict[str, list[str]] = {}
    for _ in range(2):
        decided = await placement.place({image_id: changes[0]}, placed)
    assert decided == {}
    assert [order.by for order, _ in await bench.orders.recent()] == ["ann"]


async def test_lists_that_act_at_some_targets_decide_there(bench: Bench) -> None:
    """Each target has the order of the entry that blocks it there, none where no list acts; an image that is blocked
    nowhere has no order, and none is noted for its entries."""
    for name, path in (("here", "/x/"), ("there", "/y/")):
        await bench.list_store.create_list(HashList(name, paths=(path,)), "tester")
    for path in ("/x/1", "/y/1", "/z/1"):
        await bench.see(path, image("a", MD5))
    await bench.see("/z/2", image("b", MD5))
    here, there = Entry("here", MD5), Entry("there", image("a").signals[0])
    change = (await bench.list_store.add_entries([here, there], "tester", "why"))[-1]
    assert await bench.replica.wait_version(change.version, 60)
    placement = OrderPlacement(bench.replica.matcher, bench.sightings, bench.orders, tags=True)
    ids, placed = [image(name).sha256[:32] for name in "ab"], dict[str, list[str]]()
    await placement.place_and_share(ids, change, placed, lambda entry: entry.list == "here")
    found = {order.target.path: order.entry_id for order, _ in await bench.orders.recent()}
    assert found == {"/x/1": here.id, "/y/1": there.id}
    assert (len(placed[ids[0]]), placed[ids[1]]) == (2, [])
    assert await bench.orders.shared.of_entries([here.id, there.id]) == set()
    assert await placement.place(dict.fromkeys(ids, change), {}) == {ids[0]: {here.id, there.id}, ids[1]: set()}

"""Orders for hosts of lost sightings, in a real Redis."""

import time

import pytest
from tests.support.real_caches import target

from edgeward.purging.lost_orders import CLOCK_SECONDS, EVERY_LIST, LostOrders
from edgeward.purging.orders import Orders
from edgeward.store.connection import Store
from edgeward.types import Cause, PurgeOrder

NOW = 1_000_000.0
LATER = NOW + 3 * CLOCK_SECONDS


@pytest.fixture
def lost(store: Store) -> LostOrders:
    return Orders(store).lost


async def test_an_order_counts_for_the_entries_of_its_time(lost: LostOrders) -> None:
    """Of its list, or of every list. Clocks may differ a little."""
    await lost.note("bad", NOW, LATER, ["1-0", "2-0"])
    await lost.note(EVERY_LIST, 0.0, NOW, ["3-0"])
    assert sorted(await lost.of_list("bad", NOW)) == ["1-0", "2-0", "3-0"]
    assert sorted(await lost.of_list("bad", LATER)) == ["1-0", "2-0"]
    assert await lost.of_list("bad", NOW - CLOCK_SECONDS - 1, NOW - CLOCK_SECONDS - 1) == ["3-0"]
    assert await lost.of_list("bad", LATER + CLOCK_SECONDS + 1) == []
    assert await lost.of_list("other", NOW) == ["3-0"]


async def test_noted_again_it_counts_for_longer(lost: LostOrders) -> None:
    """Never for a shorter time."""
    for until in (NOW, LATER, NOW):
        await lost.note("bad", 0.0, until, ["1-0"])
    assert await lost.of_list("bad", LATER) == ["1-0"]


async def test_what_is_noted_goes_with_its_order(store: Store, lost: LostOrders) -> None:
    """Whatever it counts for. It does not expire: not what an earlier release wrote either, once something is added."""
    await lost.note("bad", 0.0, NOW, ["1000-0", "2000-0"])
    await store.redis.expire(store.key("{purges}", "lost", "bad"), 5000)
    await lost.note("bad", 0.0, 1.0, ["3000-1"])
    await lost.note(EVERY_LIST, 0.0, 1.0, ["2999-7"])
    assert {await store.redis.ttl(key) for key in await store.redis.keys(store.key("*"))} == {-1}
    await lost.forget_before(3000)
    assert await lost.of_list("bad", 0.0) == ["3000-1"]
    await lost.forget_before(3001)
    assert await store.redis.keys(store.key("*")) == []


async def test_trimming_takes_what_is_noted_of_old_orders(store: Store, lost: LostOrders) -> None:
    """With the orders, and with their groups."""
    orders = Orders(store)
    await orders.shared.share(["1000-0"], ["e1"])
    await orders.lost.note("bad", 0.0, NOW, ["1000-0"])
    ids = await orders.place([PurgeOrder(target("/"), Cause.LISTING, time.time())])
    await orders.lost.note("bad", 0.0, NOW, ids)
    await orders.shared.share(ids, ["e1"])
    await orders.trim(3600)
    assert await orders.lost.of_list("bad", 0.0) == ids == list(await orders.shared.of_entries(["e1"]))

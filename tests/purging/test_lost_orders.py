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


async def test_what_is_older_than_all_orders_goes(store: Store, lost: LostOrders) -> None:
    """So the set is never longer than the stream of orders."""
    await lost.note("bad", 0.0, NOW, ["1-0"])
    ids = await Orders(store).place([PurgeOrder(target("/"), Cause.LISTING, time.time())])
    await lost.note("bad", 0.0, time.time() + 1, ids)
    assert await lost.of_list("bad", 0.0) == ids

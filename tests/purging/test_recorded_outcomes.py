"""What is on record of orders, read from a real Redis."""

from tests.purging.samples import order, outcome

from edgeward.purging.orders import Orders, PurgeResult
from edgeward.store.connection import Store


async def test_outcomes_of_one_cache(store: Store) -> None:
    """Those of this cache, and none of an order that has none there or is not known."""
    orders = Orders(store)
    ids = await orders.place([order(), order("/q")])
    await orders.ensure_group("edge")
    done = outcome(ids[0], "edge")
    await orders.record_results("edge", [PurgeResult(ids[0], done)])
    found = await orders.recorded.of("edge", [*ids, "1-1"])
    assert list(found) == [ids[0]] and found[ids[0]].delivery is done.delivery
    assert await orders.recorded.of("second", ids) == {}
    assert await orders.recorded.of("edge", []) == {}

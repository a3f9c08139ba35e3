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


async def test_a_new_run_that_changes_an_outcome_gives_a_new_version(store: Store) -> None:
    """The first outcome does not, nor a run that leaves what is on record."""
    orders = Orders(store)
    (order_id,) = await orders.place([order()])
    for result, versions in (
        (PurgeResult(order_id, outcome(order_id, "edge")), []),
        (PurgeResult(order_id, None), []),
        (PurgeResult(order_id, outcome(order_id, "edge")), ["edge#1"]),
    ):
        await orders.nodes.forget("edge")
        await orders.ensure_group("edge")
        await orders.take("edge", "c", 1, 10)
        await orders.record_results("edge", [result])
        assert await orders.recorded.versions(["edge", "second"]) == versions

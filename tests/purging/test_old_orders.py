"""What trimming leaves and takes, on a real Redis: nodes that no controller drives any more."""

import pytest
from tests.purging.samples import finish, plain_order

from edgeward.purging.codec import order_to_json
from edgeward.purging.orders import Orders
from edgeward.store.connection import Store

DAY = 86400.0


async def absent_node(orders: Orders, store: Store, days: float) -> None:
    """A node that a controller has driven `days` ago."""
    await orders.ensure_group("gone")
    await store.redis.hset(store.key("{purges}", "nodes"), "gone", f"{store.clock.now() - days * DAY:.3f}")


async def test_an_absent_node_that_owes_a_young_order_stays(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Whether it was taken or not; and that is said. Once it owes nothing young, it goes, which is said too."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    taken, waiting = await orders.place([plain_order("/taken"), plain_order("/waiting")])
    await absent_node(orders, store, 40)
    await orders.take("gone", "c", 1, 10)
    for done in (taken, waiting):
        await orders.trim(30 * DAY)
        assert [node.name for node in await orders.nodes.all()] == ["edge", "gone"]
        assert "gone is configured by no controller, and owes purges" in caplog.text
        await orders.take("gone", "c", 1, 10)
        await finish(orders, "gone", done)
    await orders.trim(30 * DAY)
    assert [node.name for node in await orders.nodes.all()] == ["edge"]
    assert "gone was configured by no controller for long" in caplog.text


async def test_an_absent_node_does_not_keep_old_orders(store: Store) -> None:
    """They would fill the store for ever. What it owes of younger ones stays owed."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    placed_at = f"{int((store.clock.now() - 35 * DAY) * 1000)}-0"
    old = (await store.redis.xadd(orders._stream, {"order": order_to_json(plain_order("/old"))}, id=placed_at)).decode()
    (young,) = await orders.place([plain_order("/young")])
    await absent_node(orders, store, 40)
    await orders.trim(30 * DAY)
    assert [order.id for order, _ in await orders.recent()] == [young, old]  # edge owes it
    await orders.take("edge", "c", 10, 10)
    await finish(orders, "edge", old, young)
    await orders.trim(30 * DAY)
    assert [order.id for order, _ in await orders.recent()] == [young]
    assert [order.id for order in await orders.take("gone", "c", 10, 10)] == [young]

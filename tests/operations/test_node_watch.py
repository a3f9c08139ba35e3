"""The watch for caches that no controller has, on a real store."""

import pytest
from tests.purging.samples import finish, metric_value, plain_order

from edgeward.operations.node_watch import NodeWatch
from edgeward.purging.orders import Orders
from edgeward.store.connection import Store


async def test_what_they_owe_is_counted_and_said_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Not of a cache that is configured here, nor of one that another controller drives; 0 when all is done."""
    orders = Orders(store)
    for name in ("here", "elsewhere", "nowhere"):
        await orders.ensure_group(name)
    ago = f"{store.clock.now() - 100:.3f}"
    await store.redis.hset(store.key("{purges}", "nodes"), mapping={"here": ago, "nowhere": ago})
    (order_id,) = await orders.place([plain_order("/a")])
    watch = NodeWatch(orders, ["here"])
    for _ in range(2):
        await watch.look()
    values = {
        name: metric_value("edgeward_unconfigured_purges_pending", cache=name)
        for name in ("here", "elsewhere", "nowhere")
    }
    assert values == {"here": 0, "elsewhere": 0, "nowhere": 1}
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("cache nowhere owes or refuses purges, and no live controller has it in [[caches]]")
    assert "`edgeward caches forget nowhere`" in said
    await orders.take("nowhere", "c", 1, 10)
    await finish(orders, "nowhere", order_id)
    await watch.look()
    assert metric_value("edgeward_unconfigured_purges_pending", cache="nowhere") == 0

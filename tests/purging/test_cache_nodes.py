"""The nodes that receive orders, on a real Redis."""

import time

from edgeward.background.consumer_group import ConsumerGroup
from edgeward.purging.cache_nodes import MIN_UNCONFIGURED_SECONDS, Nodes
from edgeward.store.connection import Store


async def test_an_absent_node_is_forgotten(store: Store) -> None:
    """A node that was registered lately stays; any other is forgotten, with its keys."""
    stream, nodes = store.key("{purges}", "stream"), store.key("{purges}", "nodes")
    prefixes = [store.key("{purges}", kind, "") for kind in ("repeats", "refused", "waiting")]
    known = Nodes(store, stream, prefixes)
    assert await known.forget_absent(0) == []
    for name in ("here", "away"):
        await known.register(ConsumerGroup(store, stream, name), name)
        for prefix in prefixes:
            await store.redis.set(prefix + name, 1)
    assert sorted(await known.forget_absent(0)) == ["away", "here"]
    await store.redis.hset(nodes, "away", str(time.time() - MIN_UNCONFIGURED_SECONDS - 1))
    assert sorted(await known.forget_absent(7200)) == ["away", "here"]
    assert await known.forget_absent(0) == ["here"]
    assert await store.redis.hkeys(nodes) == [b"here"]
    assert [await store.redis.exists(prefix + name) for prefix in prefixes for name in ("here", "away")] == [
        1,
        0,
        1,
        0,
        1,
        0,
    ]
    await ConsumerGroup(store, stream, "older").ensure()
    assert sorted(await known.forget_absent(0)) == ["here", "older"]
    assert sorted(await store.redis.hkeys(nodes)) == [b"here", b"older"]

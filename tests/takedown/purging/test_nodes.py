"""Which nodes there are, on a real Redis."""

import time

from edgeward.store.connection import Store
from edgeward.takedown.group import Group
from edgeward.takedown.purging.nodes import LEAST_ABSENCE_SECONDS, Nodes


async def test_a_node_goes_when_nobody_has_named_it_for_long(store: Store) -> None:
    """A node that was named lately stays; one that was not is forgotten with all that is kept under its name."""
    stream, nodes = store.key("{purges}", "stream"), store.key("{purges}", "nodes")
    rooms = [store.key("{purges}", room, "") for room in ("repeats", "refused")]
    known = Nodes(store, stream, *rooms)
    assert await known.drop_absent(0) == []
    for name in ("here", "away"):
        await known.present(Group(store, stream, name), name)
        for room in rooms:
            await store.redis.set(room + name, 1)
    assert sorted(await known.drop_absent(0)) == ["away", "here"]
    await store.redis.hset(nodes, "away", str(time.time() - LEAST_ABSENCE_SECONDS - 1))
    assert sorted(await known.drop_absent(7200)) == ["away", "here"]
    assert await known.drop_absent(0) == ["here"]
    assert await store.redis.hkeys(nodes) == [b"here"]
    assert [await store.redis.exists(room + name) for room in rooms for name in ("here", "away")] == [1, 0, 1, 0]
    await Group(store, stream, "older").ensure()
    assert sorted(await known.drop_absent(0)) == ["here", "older"]
    assert sorted(await store.redis.hkeys(nodes)) == [b"here", b"older"]

"""A real Sentinel set: the client of whatever server the sentinels name."""

import asyncio
import contextlib
import time

import pytest
from tests.store.nodes import Node, Nodes
from tests.store.sentinels import SERVICE, SentinelSet
from tests.support.eventually import eventually, until

from edgeward.errors import StoreUnavailable
from edgeward.store.connection import STORE_AWAY, Store


async def test_the_master_is_found(redis_sentinels: Nodes) -> None:
    """What is written goes to the master, by any of the sentinels."""
    assert isinstance(redis_sentinels, SentinelSet)
    for sentinel in redis_sentinels.sentinels:
        store = await Store.connect(f"redis+sentinel://{sentinel.address}/{SERVICE}", "found")
        await store.redis.set(store.key("x"), sentinel.port)
        assert redis_sentinels.master_of("").ask("GET", store.key("x")) == str(sentinel.port).encode()
        await store.close()


async def test_dead_sentinels(redis_sentinels: Nodes) -> None:
    """Dead sentinels are skipped at once."""
    assert isinstance(redis_sentinels, SentinelSet)
    dead = ",".join(f"127.0.0.1:{port}" for port in range(1, 11))
    alive = redis_sentinels.sentinels[2].address
    started = time.monotonic()
    store = await Store.connect(f"redis+sentinel://{dead},{alive}/{SERVICE}")
    await store.close()
    assert time.monotonic() - started < 10  # redis-py by itself would give each more than two seconds


async def test_no_sentinel(redis_sentinels: Nodes) -> None:
    """If no sentinel answers, the store is soon unavailable; the message has its URL without passwords."""
    started = time.monotonic()
    with pytest.raises(
        StoreUnavailable, match=r"u:\*\*\*@127.0.0.1:1,127.0.0.1:2/edge\?sentinel_password=\*\*\*:"
    ) as e:
        await Store.connect("redis+sentinel://u:geheim@127.0.0.1:1,127.0.0.1:2/edge?sentinel_password=geheim")
    assert "geheim" not in str(e.value)
    assert time.monotonic() - started < 10  # redis-py by itself would go on for half a minute


async def test_an_unknown_service(redis_sentinels: Nodes) -> None:
    """A service that the sentinels don't know is named in the error."""
    with pytest.raises(StoreUnavailable, match="No master found for 'another'"):
        await Store.connect(redis_sentinels.url.replace(SERVICE, "another"))


async def test_a_replaced_master_is_left(nodes: Nodes, spread: Store) -> None:
    """Clients leave a master that was replaced, though it still answers them; idle ones and waiting ones."""
    key, stream = spread.key("{lives}", "n"), spread.key("{lives}", "stream")
    reader = await spread.blocking()
    old = nodes.master_of(key)
    await spread.redis.set(key, 1)
    waiting = asyncio.create_task(reader.xread({stream: "$"}, block=3000))
    await asyncio.to_thread(until, lambda: old.ask("INFO", "clients")["blocked_clients"])
    old.pause()
    await asyncio.to_thread(until, lambda: nodes.master_of(key) is not old)
    old.resume()

    async def written() -> bool:
        with contextlib.suppress(*STORE_AWAY):
            await spread.redis.set(key, 2)
        return bool(nodes.master_of(key).ask("GET", key) == b"2")

    await eventually(written)
    if isinstance(nodes, SentinelSet):
        assert old in nodes.masters()  # soon: sentinels demote it ten seconds later
    await asyncio.gather(waiting, return_exceptions=True)
    await spread.redis.xadd(stream, {"a": "b"})
    await eventually(lambda: reader.xread({stream: "0"}, block=100))


async def test_nothing_stays_open(redis_sentinels: Nodes) -> None:
    """A closed store has no connection left, to the servers or to the sentinels."""
    assert isinstance(redis_sentinels, SentinelSet)
    master, sentinel = redis_sentinels.master_of(""), redis_sentinels.sentinels[0]
    await asyncio.to_thread(until, lambda: _clients(master) == _clients(sentinel) == 0)  # of earlier tests
    store = await Store.connect(f"redis+sentinel://{sentinel.address}/{SERVICE}")
    await (await store.blocking()).ping()
    assert _clients(master) > 0
    assert _clients(sentinel) > 0
    await store.close()
    await asyncio.to_thread(until, lambda: _clients(master) == _clients(sentinel) == 0)


def _clients(node: Node) -> int:
    """Connections that are open, besides the one that asks and those of sentinels, which have names."""
    listed: bytes = node.ask("CLIENT", "LIST")
    return sum(b" name= " in line and b" flags=N " in line for line in listed.splitlines()) - 1

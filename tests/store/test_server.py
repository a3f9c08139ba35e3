"""One server: what counts as "not now", and commands that go together."""

import asyncio

import pytest
from tests.store.server import Server

from edgeward.store.connection import STORE_AWAY, Store


@pytest.mark.parametrize(
    "code", ["UNBLOCKED", "NOREPLICAS", "MISCONF", "BUSY", "READONLY", "LOADING", "OOM", "CLUSTERDOWN", "TRYAGAIN"]
)
async def test_errors_that_pass(store: Store, code: str) -> None:
    """What a server says when it can't take a command for a while is "away", not a defect."""
    with pytest.raises(STORE_AWAY):
        await store.redis.eval(f"return redis.error_reply('{code} for a while')", 0)


async def test_errors_that_do_not_pass(store: Store) -> None:
    """A wrong command is no absence of the store."""
    with pytest.raises(Exception, match="wrong number") as caught:
        await store.redis.execute_command("GET")
    assert not isinstance(caught.value, STORE_AWAY)


async def test_too_few_replicas(store: Store) -> None:
    """A server that takes no writes without a replica is away, for a script too."""
    await store.redis.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(STORE_AWAY):
            await store.redis.set(store.key("x"), 1)
        with pytest.raises(STORE_AWAY):
            await store.run("return redis.call('SET', KEYS[1], 1)", [store.key("x")])
    finally:
        await store.redis.config_set("min-replicas-to-write", 0)


async def test_a_master_that_becomes_a_replica(server: Server) -> None:
    """Who waits at a server that is made a replica hears that it is away."""
    store = await Store.connect(server.url, "x")
    client = await store.blocking()
    waiting = asyncio.create_task(client.xread({store.key("stream"): "0"}, block=30_000))
    while not any(one["cmd"] == "xread" for one in await store.redis.client_list()):
        await asyncio.sleep(0.005)
    await store.redis.replicaof("127.0.0.1", "1")
    with pytest.raises(STORE_AWAY):
        await waiting
    await store.close()


async def test_commands_together(store: Store) -> None:
    """Commands go over one connection in their order, and an error is a value among the answers."""
    commands = [("CLIENT", "ID"), ("SET", store.key("x"), 1), ("LPOP", store.key("x")), ("CLIENT", "ID")]
    first, done, error, last = await store.redis.together(store.key("x"), commands)
    assert (done, first) == (True, last)
    assert "WRONGTYPE" in str(error)

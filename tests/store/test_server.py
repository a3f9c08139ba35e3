"""One server: which errors are temporary, and commands over one connection."""

import asyncio

import pytest
from tests.store.server import Server
from tests.support.eventually import eventually

from edgeward.store.connection import STORE_AWAY, Store


@pytest.mark.parametrize(
    "code", ["UNBLOCKED", "NOREPLICAS", "MISCONF", "BUSY", "READONLY", "LOADING", "OOM", "CLUSTERDOWN", "TRYAGAIN"]
)
async def test_temporary_errors(store: Store, code: str) -> None:
    """An error of a server that can't take a command for a while means that the store is away."""
    with pytest.raises(STORE_AWAY):
        await store.redis.eval(f"return redis.error_reply('{code} for a while')", 0)


async def test_other_errors(store: Store) -> None:
    """A wrong command does not mean that the store is away."""
    with pytest.raises(Exception, match="wrong number") as caught:
        await store.redis.execute_command("GET")
    assert not isinstance(caught.value, STORE_AWAY)


async def test_too_few_replicas(store: Store) -> None:
    """A server that takes no writes without a replica counts as away, for a script too."""
    await store.redis.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(STORE_AWAY):
            await store.redis.set(store.key("x"), 1)
        with pytest.raises(STORE_AWAY):
            await store.run("return redis.call('SET', KEYS[1], 1)", [store.key("x")])
    finally:
        await store.redis.config_set("min-replicas-to-write", 0)


async def test_a_master_that_becomes_a_replica(server: Server) -> None:
    """A client that waits on a server which becomes a replica gets STORE_AWAY."""
    store = await Store.connect(server.url, "x")
    client = await store.blocking()
    waiting = asyncio.create_task(client.xread({store.key("stream"): "0"}, block=30_000))

    async def is_waiting() -> bool:
        return any(one["cmd"] == "xread" for one in await store.redis.client_list())

    await eventually(is_waiting)
    await store.redis.replicaof("127.0.0.1", "1")
    with pytest.raises(STORE_AWAY):
        await waiting
    await store.close()


async def test_commands_on_one_connection(store: Store) -> None:
    """Commands are sent over one connection in order, and an error is among the answers."""
    commands = [("CLIENT", "ID"), ("SET", store.key("x"), 1), ("LPOP", store.key("x")), ("CLIENT", "ID")]
    first, done, error, last = await store.redis.on_one_connection(store.key("x"), commands)
    assert (done, first) == (True, last)
    assert "WRONGTYPE" in str(error)

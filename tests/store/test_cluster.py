"""A real cluster: commands, scripts and blocking reads find the master of their key."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from tests.store.nodes import Node, Nodes
from tests.support.eventually import eventually, until

from edgeward.errors import ConfigError, StoreUnavailable
from edgeward.store.connection import STORE_AWAY, Store

INCREMENT = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
NUMBERS = range(60)


@pytest.fixture
async def cluster(redis_cluster: Nodes, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A connection to the cluster, in a namespace of its own."""
    connected = await Store.connect(redis_cluster.url, request.node.name.translate({91: "-", 93: None}))
    yield connected
    await connected.close()


async def test_keys_are_on_every_master(cluster: Store) -> None:
    """A pipeline's commands go to whichever node has their key, and their answers come in order."""
    keys = [cluster.key(str(number)) for number in NUMBERS]
    async with cluster.pipeline() as pipe:
        for number, key in enumerate(keys):
            pipe.set(key, number)
        assert await pipe.execute() == [True] * len(keys)
    assert len({await cluster.server_id_of(key) for key in keys}) == 3
    async with cluster.pipeline() as pipe:
        for key in keys:
            pipe.get(key)
        assert await pipe.execute() == [str(number).encode() for number in NUMBERS]
    async with cluster.pipeline() as pipe:
        for key in keys[::2]:
            pipe.unlink(key)
        for key in keys[1::2]:
            pipe.delete(key)
        assert await pipe.execute() == [1] * len(keys)


async def test_a_pipeline_that_fails(cluster: Store) -> None:
    """An error is raised, or is among the answers with raise_on_error=False; the other commands are executed."""
    for raised in (True, False):
        async with cluster.pipeline() as pipe:
            pipe.set(cluster.key("a"), "x")
            pipe.incr(cluster.key("a"))
            pipe.set(cluster.key("b"), int(raised))
            if raised:
                with pytest.raises(Exception, match="not an integer"):
                    await pipe.execute()
            else:
                done, error, _ = await pipe.execute(raise_on_error=False)
                assert done and "not an integer" in str(error)
        assert await cluster.redis.get(cluster.key("b")) == str(int(raised)).encode()


async def test_a_scan_walks_every_master(cluster: Store) -> None:
    """All keys of a pattern are found, and no others."""
    keys = {cluster.key("k", str(number)).encode() for number in NUMBERS}
    for key in (*keys, cluster.key("other")):
        await cluster.redis.set(key, 1)
    found: set[bytes] = set()
    async for batch in cluster.scan(cluster.key("k", "*"), count=5):
        found.update(batch)
    assert found == keys


async def test_scripts_on_every_master(cluster: Store) -> None:
    """A script runs on the master of its keys, also on a server that does not know it; durably too."""
    for number in NUMBERS:
        assert await cluster.run(INCREMENT, [cluster.key(str(number))], [2]) == 2
        assert await cluster.run_durably(INCREMENT, [cluster.key(str(number))], [3]) == 5


async def test_blocking_reads_ask_no_other_server(cluster: Store) -> None:
    """XREAD and XREADGROUP go straight to the master of their stream, and wait there."""
    client, stream = await cluster.blocking(), cluster.key("{s}", "stream")
    await cluster.redis.xgroup_create(stream, "group", "0", mkstream=True)
    before = await _calls(cluster, "cmdstat_command|getkeys")
    reads = [
        asyncio.create_task(client.xread({stream: "$"}, block=30_000)),
        asyncio.create_task(client.xreadgroup("group", "one", {stream: ">"}, block=30_000)),
    ]
    master = await cluster.redis.master_of(stream)

    async def both_wait() -> bool:
        return bool((await master("INFO", "clients"))["blocked_clients"] >= 2)

    await eventually(both_wait)
    await cluster.redis.xadd(stream, {"a": "b"})
    assert all(answer[0][1][0][1] == {b"a": b"b"} for answer in await asyncio.gather(*reads))
    assert await _calls(cluster, "cmdstat_command|getkeys") == before


async def _calls(cluster: Store, command: str) -> int:
    stats = [await ask("INFO", "commandstats") for ask in await cluster.redis.masters()]
    return sum(one.get(command, {}).get("calls", 0) for one in stats)


async def test_connections_that_were_cut(cluster: Store, redis_cluster: Nodes) -> None:
    """A connection that broke while it was idle is replaced; no command of any kind fails."""
    key = cluster.key("n")
    master = redis_cluster.master_of(key)
    for _ in range(2):
        assert await cluster.run_durably(INCREMENT, [key], [1])
        async with cluster.pipeline() as pipe:
            pipe.incr(key)
            assert await pipe.execute()
        assert master.ask("CLIENT", "KILL", "TYPE", "normal")
    assert await cluster.redis.get(key) == b"4"


async def test_masters_that_hand_over(cluster: Store, redis_cluster: Nodes) -> None:
    """When replicas take over by CLUSTER FAILOVER no command fails; a waiting client gets an error, then finds the new
    master."""
    single, piped, durable = await _on_each_master(cluster)
    for key in (single, piped, durable):
        assert await cluster.run_durably(INCREMENT, [key], [1]) == 1
    stream = f"{piped}:stream"
    client = await cluster.blocking()
    waiting = asyncio.create_task(client.xread({stream: "$"}, block=20_000))
    await asyncio.to_thread(_hand_over, redis_cluster, (single, piped, durable))
    assert await cluster.redis.get(single) == b"1"
    assert await cluster.run_durably(INCREMENT, [durable], [1]) == 2
    async with cluster.pipeline() as pipe:
        pipe.get(piped)
        pipe.xadd(stream, {"a": "b"})
        assert (await pipe.execute())[0] == b"1"
    with pytest.raises(STORE_AWAY):
        await waiting
    assert await client.xread({stream: "0"}, block=30_000)


async def _on_each_master(cluster: Store) -> list[str]:
    keys = [cluster.key(f"{{{number}}}") for number in NUMBERS]
    return list({await cluster.server_id_of(key): key for key in keys}.values())


def _hand_over(nodes: Nodes, keys: Sequence[str]) -> None:
    nodes.fail_over_fast()  # with a short timeout they also gossip more often
    for key in keys:
        (new,) = nodes.replicas_of(nodes.master_of(key))
        assert new.ask("CLUSTER", "FAILOVER")
        until(lambda new=new: new in nodes.masters())
    nodes.heal()


async def test_a_slot_that_moves(cluster: Store, redis_cluster: Nodes) -> None:
    """While a slot moves, a key that is on its new node already is found there."""
    key = cluster.key("{m}", "n")
    old = redis_cluster.master_of(key)
    new = next(node for node in redis_cluster.masters() if node is not old)
    slot = str(old.ask("CLUSTER", "KEYSLOT", key))
    try:
        assert new.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", _id(old))
        assert old.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", _id(new))
        assert await cluster.redis.set(key, 1)
        assert await cluster.redis.get(key) == b"1"
        assert old.ask("DBSIZE") is not None and old.ask("EXISTS", key) is None  # it answers ASK
    finally:
        assert old.ask("CLUSTER", "SETSLOT", slot, "STABLE")
        assert new.ask("CLUSTER", "SETSLOT", slot, "STABLE")


def _id(node: Node) -> str:
    return str(node.ask("CLUSTER", "MYID").decode())


async def test_the_url_of_one_node(redis_cluster: Nodes) -> None:
    """A URL of one server that names a node of a cluster is a ConfigError with the right form."""
    with pytest.raises(ConfigError, match=r"redis\+cluster://"):
        await Store.connect(f"redis://{redis_cluster.nodes[0].address}")


async def test_a_cluster_url_of_a_single_server(redis_sentinels: Nodes) -> None:
    """It is unavailable, and the message says why."""
    with pytest.raises(StoreUnavailable, match="Cluster mode is not enabled"):
        await Store.connect(f"redis+cluster://{redis_sentinels.nodes[0].address}")


async def test_nothing_there() -> None:
    """If no node answers, the store is unavailable; the message has its URL without the password."""
    with pytest.raises(StoreUnavailable, match=r"store redis\+cluster://:\*\*\*@127.0.0.1:1:"):
        await Store.connect("redis+cluster://:geheim@127.0.0.1:1")


async def test_one_of_its_hosts_is_enough(redis_cluster: Nodes) -> None:
    """Hosts of the URL may be down as long as one is up."""
    store = await Store.connect(f"redis+cluster://127.0.0.1:1,{redis_cluster.nodes[-1].address}")
    assert await store.redis.set("one", 1)
    await store.close()

"""A master is killed or hangs while work goes on: nothing acknowledged is lost, and the work goes on."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.store.nodes import Node, Nodes
from tests.support.eventually import eventually, until

from edgeward.errors import StoreUnavailable
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.purging.orders import Orders, PurgeResult
from edgeward.store import connection
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.types import Cause, Delivery, Entry, HashList, Outcome, PurgeOrder, Signal, Target

INCREMENT = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
PAUSE = 0.02
GOAL = 20
"""How many acknowledgements of each kind to wait for."""


class Work:
    """Changes lists, orders purges and carries them out, all at once, whatever happens to the store."""

    def __init__(self, store: Store) -> None:
        self.list_store, self.orders, self.replica = ListStore(store), Orders(store), Replica(store, "here")
        self.entries: list[str] = []
        """Ids of the entries whose adding was acknowledged."""
        self.ids: list[str] = []
        """Ids of the orders whose placing was acknowledged."""
        self.done = 0
        self._number = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.list_store.create_list(HashList("bad"), "tester")
        await self.orders.ensure_group("edge")
        await self.replica.start()
        async with asyncio.TaskGroup() as tasks:
            loops = [tasks.create_task(_for_ever(step)) for step in (self._add, self._place, self._take)]
            yield
            for task in loops:
                task.cancel()
        await self.replica.close()

    async def _add(self) -> None:
        self._number += 1
        (change,) = await self.list_store.add_entries(
            [Entry("bad", Signal("sha256", f"{self._number:064x}"))], "tester"
        )
        assert change.entry
        self.entries.append(change.entry.id)

    async def _place(self) -> None:
        order = PurgeOrder(Target("https", "img.test", "/a"), Cause.MANUAL, time.time())
        self.ids += await self.orders.place([order])

    async def _take(self) -> None:
        taken = await self.orders.take("edge", "here", 50, 200)
        taken += await self.orders.claim("edge", "here", 500)
        outcomes = [Outcome(order.id, "edge", Delivery.VERIFIED, time.time()) for order in taken]
        await self.orders.record_results("edge", [PurgeResult(each.order_id, each) for each in outcomes])
        self.done += len(outcomes)

    async def progress(self, seconds: float = 40.0) -> None:
        """Wait until GOAL more changes and orders are acknowledged, and GOAL more orders carried out."""
        entries, ids, done = len(self.entries) + GOAL, len(self.ids) + GOAL, self.done + GOAL
        await eventually(
            lambda: len(self.entries) >= entries and len(self.ids) >= ids and self.done >= done, seconds=seconds
        )

    async def check(self) -> None:
        """All that was acknowledged is in the store and in the replica; all orders are carried out."""
        entries, ids = set(self.entries), list(self.ids)
        assert entries - {entry.id async for some in self.list_store.scan("bad") for entry in some} == set()
        assert await self.replica.wait_version(await self.list_store.version(), 30)
        assert entries - set(self.replica.matcher.entries("bad")) == set()

        async def carried_out() -> bool:
            # As the store has it: `_take` may not have had the answer.
            return all(outcomes for _, outcomes in await self.orders.get_many(ids))

        await eventually(carried_out)
        assert len(await self.orders.get_many(ids)) == len(ids)


async def _for_ever(step: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await step()
            await asyncio.sleep(PAUSE / 4)
        except STORE_AWAY:
            await asyncio.sleep(PAUSE)


@pytest.mark.parametrize("tag", ["{blocklist}", "{purges}"])
async def test_a_killed_master(nodes: Nodes, spread: Store, tag: str) -> None:
    """Every acknowledged change and order is there after its master was killed, and all work goes on."""
    work = Work(spread)
    async with work.running():
        await work.progress()
        master = nodes.master_of(spread.key(tag))
        master.kill()
        await asyncio.to_thread(until, lambda: nodes.master_of(spread.key(tag)) is not master)
        await asyncio.to_thread(nodes.heal)  # a shard's new master has a replica again
        await work.progress()
        await work.check()


async def test_a_master_that_hangs(nodes: Nodes, spread: Store) -> None:
    """Clients leave a master that no longer answers for the new one: single commands, pipelines, blocking reads and
    durable scripts."""
    key, stream = spread.key("{hang}", "n"), spread.key("{hang}", "stream")
    reader = await spread.blocking()

    async def read() -> None:
        async with asyncio.timeout(spread.timeout):
            assert await reader.xread({stream: "0"}, block=200) is not None

    async def pipe() -> None:
        async with spread.pipeline() as commands:
            commands.incr(key)
            await commands.execute()

    async def write() -> None:
        await spread.run(INCREMENT, [key], [1])

    for step in (read, pipe, write):
        await step()
    await spread.run_durably(INCREMENT, [key], [1])
    master = nodes.master_of(key)
    master.pause()
    try:
        await asyncio.wait_for(asyncio.gather(*(_until_done(step) for step in (read, pipe, write))), 60)
        assert nodes.master_of(key) is not master
    finally:
        master.kill()


async def _until_done(step: Callable[[], Awaitable[None]]) -> None:
    """The first try must fail: otherwise the master did not hang."""
    with pytest.raises(STORE_AWAY):
        await step()
    while True:
        try:
            return await step()
        except STORE_AWAY:
            await asyncio.sleep(PAUSE)


async def test_a_change_that_no_replica_confirms(nodes: Nodes, spread: Store) -> None:
    """A change that too few replicas confirm in time is not acknowledged, though it was made."""
    strict, impatient = await _again(nodes, spread, 1), await _impatient(nodes, spread, 1)
    key = strict.key("{strict}", "n")
    assert await strict.run_durably(INCREMENT, [key], [1]) == 1
    # Its connection is open before the replicas hang: a new one may ask one of them where the slots are.
    with contextlib.suppress(StoreUnavailable):
        await impatient.run_durably(INCREMENT, [key], [0])
    replicas = nodes.replicas_of(nodes.master_of(key))
    _each(replicas, Node.pause)
    try:
        with pytest.raises(StoreUnavailable, match=r"changed, but not confirmed by 1 replica$"):
            await impatient.run_durably(INCREMENT, [key], [1])
    finally:
        _each(replicas, Node.resume)
    await asyncio.to_thread(until, nodes.is_complete)
    assert await strict.run_durably(INCREMENT, [key], [1]) == 3
    await strict.close()
    await impatient.close()


async def test_as_many_replicas_as_the_settings_say(nodes: Nodes, spread: Store) -> None:
    """store.replicas is exact: 0 waits for none, as many as there are succeeds, one more fails."""
    key = spread.key("{many}", "n")
    there = len(nodes.replicas_of(nodes.master_of(key)))
    for number in (0, there):
        store = await _again(nodes, spread, number)
        await store.run_durably(INCREMENT, [key], [1])
        await store.close()
    store = await _impatient(nodes, spread, there + 1)
    with pytest.raises(StoreUnavailable, match=rf"not confirmed by {there + 1} replicas$"):
        await store.run_durably(INCREMENT, [key], [1])
    await store.close()


async def _again(nodes: Nodes, store: Store, replicas: int) -> Store:
    return await Store.connect(nodes.url, store.namespace, replicas=replicas)


async def _impatient(nodes: Nodes, store: Store, replicas: int) -> Store:
    """A connection whose replicas have only a moment to confirm."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection, "CONFIRM_SECONDS", 0.3)
        return await _again(nodes, store, replicas)


def _each(nodes: list[Node], action: Callable[[Node], None]) -> None:
    for node in nodes:
        action(node)


async def test_it_starts_with_a_part_of_the_set(nodes: Nodes, spread: Store) -> None:
    """A process can start while a replica is down."""
    master = nodes.master_of(spread.key("{blocklist}"))
    nodes.replicas_of(master)[0].kill()
    store = await Store.connect(nodes.url, spread.namespace)
    await store.redis.set(store.key("x"), 1)
    await store.close()

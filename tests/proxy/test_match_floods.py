"""One client asks for a listed image under random long queries: what that costs others, on a store of little memory."""

import random
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from tests.purging.samples import finish
from tests.support.eventually import eventually
from tests.support.real_caches import image, target

from edgeward.incidents import Incidents
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.proxy import match_allowance
from edgeward.proxy import recorder as module
from edgeward.proxy.match_allowance import ORDERS_PER_SOURCE
from edgeward.proxy.recorder import Recorder
from edgeward.purging import order_room
from edgeward.purging.orders import Orders
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Cause, Entry, HashList, PurgeOrder, Scope, Sighting, Signal, Target

MIB = 1024 * 1024
CACHE = "edge"


class Worker:
    """A recorder on a store, with one cache that owes what is ordered, and a list with one image, "bad"."""

    def __init__(self, store: Store) -> None:
        settings = SightingsSettings()
        self.list_store, self.replica = ListStore(store), Replica(store, "proxy")
        self.sightings, self.orders = Sightings(store, settings), Orders(store)
        incidents = Incidents(store, self.sightings.memory)
        self.recorder = Recorder(self.sightings, self.orders, self.replica, settings, incidents, caches=[CACHE])

    async def start(self) -> None:
        await self.list_store.create_list(HashList("list"), "tester")
        await self.orders.ensure_group(CACHE)
        await self.replica.start()
        await self.list_image("bad")
        await self.recorder.start()

    async def list_image(self, name: str) -> str:
        (change,) = await self.list_store.add_entries([Entry("list", Signal("sha256", image(name).sha256))], "tester")
        assert await self.replica.wait_version(change.version, 60)
        assert change.entry
        return change.entry.id

    def serve(self, requested: Target) -> None:
        """A response with the listed image comes and is blocked."""
        verdict = self.replica.matcher.verdict(image("bad"))
        assert verdict.blocks
        self.recorder.record_sighting(Sighting(requested, image("bad"), time.time(), verdict.version))
        self.recorder.report_incident(requested, image("bad").sha256, verdict)
        assert self.recorder.order_purge(requested, image("bad").sha256, verdict)

    async def close(self) -> None:
        await self.recorder.close()
        await self.replica.close()

    async def placed(self) -> list[PurgeOrder]:
        return [order for order, _ in await self.orders.recent(100_000)]


@pytest.fixture
async def worker(small_store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Worker]:
    worker = Worker(small_store)
    await worker.start()
    yield worker
    await worker.close()


def long_target(number: int) -> Target:
    return target(f"/photo?{random.Random(number).randbytes(10_000).hex()}")


def scopes(orders: list[PurgeOrder]) -> Counter[Scope]:
    return Counter(order.scope for order in orders)


async def test_what_is_too_many_is_purged_by_prefix(worker: Worker) -> None:
    """One by one up to the allowance; the order by prefix tells how many it stands for, for the entry's receipt. The
    position of what was recorded is not reached before that is ordered."""
    number = ORDERS_PER_SOURCE + 40
    for each in range(number):
        worker.serve(target(f"/photo?{each}"))
    position = worker.recorder.position()
    await eventually(lambda: worker.recorder.is_written(position))
    placed = await worker.placed()
    assert scopes(placed)[Scope.TARGET] == ORDERS_PER_SOURCE
    by_prefix = [order for order in placed if order.scope is Scope.PREFIX]
    assert {order.target for order in by_prefix} == {target("/photo")}
    assert max(order.forgotten for order in by_prefix) == 40
    assert len({order.entry_id for order in placed}) == 1
    assert await worker.sightings.forgotten.of_image(image("bad").sha256) == {target("/photo"): 40}


async def test_a_cache_that_owes_too_much(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Further matches are purged by prefix until it has caught up, so that listings find a short queue."""
    monkeypatch.setattr(order_room, "MAX_OWED", 20)
    monkeypatch.setattr(order_room, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(match_allowance, "ORDERS_PER_SOURCE", 10_000)
    monkeypatch.setattr("edgeward.proxy.prefix_purges.LONG_PAUSE_SECONDS", 0.05)
    for each in range(30):
        worker.serve(target(f"/first?{each}"))
    position = worker.recorder.position()
    await eventually(lambda: worker.recorder.is_written(position))
    for each in range(30):
        worker.serve(target(f"/second?{each}"))
    position = worker.recorder.position()
    await eventually(lambda: worker.recorder.is_written(position))
    placed = await worker.placed()
    assert {order.target.path for order in placed if order.scope is Scope.PREFIX} >= {"/second"}
    assert [order for order in placed if order.target.path.startswith("/second?")] == []
    await worker.orders.take(CACHE, "one", 1000, 1)
    await finish(worker.orders, CACHE, *(order.id for order in placed))

    async def ordered_one_by_one() -> bool:
        worker.serve(target(f"/third?{time.time()}"))
        return any(order.target.path.startswith("/third?") for order in await worker.placed())

    await eventually(ordered_one_by_one)


@pytest.mark.timeout(300)
async def test_lists_and_orders_of_others_have_room(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the flood lasts: an entry is added and its purge ordered, sightings of others are kept, and the
    store has memory left."""
    monkeypatch.setattr(match_allowance, "PERIOD_SECONDS", 0.0)
    monkeypatch.setattr("edgeward.proxy.prefix_purges.LONG_PAUSE_SECONDS", 0.05)
    known = Sighting(target("/other"), image("other"), time.time(), worker.replica.version)
    worker.recorder.record_sighting(known)
    flood = 6_000
    for each in range(flood):
        worker.serve(long_target(each))
        if each % 100 == 0:
            position = worker.recorder.position()
            await eventually(lambda at=position: worker.recorder.is_written(at))
    use = await worker.sightings.memory.use()
    assert use.used < 0.85 * use.maximum
    entry = await worker.list_image("other")
    (order_id,) = await worker.orders.place(
        [PurgeOrder(target("/other"), Cause.LISTING, time.time(), image("other").sha256, entry)]
    )
    assert (await worker.orders.get(order_id))[0].entry_id == entry
    assert [found for found, _ in await worker.sightings.targets(image("other").sha256)] == [target("/other")]
    placed = await worker.placed()
    missing = (await worker.sightings.forgotten.of_image(image("bad").sha256))[target("/photo")]
    assert scopes(placed)[Scope.TARGET] - 1 + missing >= flood
    latest = next(order for order in placed if order.scope is Scope.PREFIX)
    assert latest.forgotten > 0.5 * flood


async def test_a_workers_memory_is_bounded_while_the_store_is_away(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By bytes, however long the targets: what finds no place is remembered by its host."""
    monkeypatch.setattr(module, "MAX_SIGHTING_BYTES", 2 * MIB)
    monkeypatch.setattr(module, "MAX_ORDER_BYTES", MIB)
    away = Worker(worker.sightings.store)
    away.replica = worker.replica
    away.recorder = Recorder(
        worker.sightings, worker.orders, worker.replica, SightingsSettings(), Incidents(worker.sightings.store)
    )
    for each in range(1_000):
        away.serve(long_target(each))
    held = [away.recorder._sighting_buffer, away.recorder._order_buffer, away.recorder._incident_reporter._buffer]
    assert sum(buffer._bytes for buffer in held) < (2 + 1 + 16) * MIB + 100_000
    assert len(away.recorder._sighting_buffer._items) < 150
    await away.recorder.start()
    await away.recorder.close()
    lost = await worker.sightings.forgotten.lost()
    assert lost[target("/")] >= 1_000 - 150

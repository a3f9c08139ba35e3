"""What a cache made of purges goes on record in a real Redis."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.parts import require
from tests.store.server import Server
from tests.takedown.purging.scripted import GONE
from tests.takedown.purging.test_orders import order

from edgeward import metrics
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.takedown.caches.base import Purged
from edgeward.takedown.purging.jobs import Job
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.purging.results import REFUSED_SECONDS, Results
from edgeward.types import Delivery, Outcome

FOUND = Purged(Delivery.VERIFIED, 404, count=1)
REFUSED = Purged(Delivery.REFUSED, 403, "status 403")
START = 1000.0


class Desk:
    """One order at one cache, and the repeats that come of it."""

    def __init__(self, store: Store, cache: str = "edge") -> None:
        self.orders, self.cache = Orders(store), cache
        self.results = Results(self.orders, cache, (1.0, 5.0, 60.0), ())
        self.order_id = ""

    async def first(self, purged: Purged, at: float = START) -> None:
        await self.orders.ensure_group(self.cache)
        (self.order_id,) = await self.orders.place([order()])
        (taken,) = await self.orders.take(self.cache, "c", 1, 10)
        self.results.put(Job(taken, attempts=1), purged, at)
        await self.results.write()

    async def repeat(self, purged: Purged, due: float, late: float = 0.0) -> None:
        """Purge again what is due then and not before."""
        assert await self.orders.due_repeats(self.cache, due - 0.01) == []
        (repeat,) = await self.orders.due_repeats(self.cache, due + 0.01)
        job = Job(repeat.order, repeat.member, repeat.previous, attempts=1)
        self.results.put(job, purged, due + 0.01 + late)
        await self.results.write()

    async def finished(self) -> bool:
        """No repeat is to come."""
        return await self.orders.due_repeats(self.cache, time.time() * 2) == []

    async def outcome(self) -> Outcome:
        return (await self.orders.get(self.order_id))[1][self.cache]


def counted(cache: str, outcome: str) -> float:
    labels = {"cache": cache, "outcome": outcome}
    return metrics.registry.get_sample_value("edgeward_purges_total", labels) or 0.0


async def test_repeats_count_from_the_first_purge(store: Store) -> None:
    """A purge is repeated at each of its times, which count from the first one; what is on record stays."""
    desk = Desk(store)
    await desk.first(GONE)
    for seconds in (1, 5, 60):
        await desk.repeat(GONE, START + seconds)
    assert await desk.finished()
    assert await desk.outcome() == Outcome(desk.order_id, "edge", Delivery.VERIFIED, START, 1, 404, "")


async def test_one_that_is_late_takes_the_place_of_those_it_overtook(store: Store) -> None:
    """A repeat that comes later than the next one was due is not followed by that one."""
    desk = Desk(store)
    await desk.first(GONE)
    await desk.repeat(GONE, START + 1, late=10)
    await desk.repeat(GONE, START + 60)
    assert await desk.finished()


async def test_a_copy_stored_again_is_told(store: Store) -> None:
    """A repeat that removed a copy is the outcome on record, counted, with all tries; later ones still come."""
    desk = Desk(store, "results-again")
    await desk.first(FOUND)
    await desk.repeat(FOUND, START + 1)
    found = await desk.outcome()
    assert (found.attempts, found.at) == (2, START + 1.01)
    assert "stored again" in found.detail
    assert (counted("results-again", "verified"), counted("results-again", "stored_again")) == (1, 1)
    await desk.repeat(GONE, START + 5)
    assert await desk.outcome() == found


async def test_a_refusal_is_tried_again_rarely(store: Store) -> None:
    """What was refused is tried again after minutes; once accepted it is the first purge, with its repeats."""
    desk = Desk(store, "results-refusing")
    await desk.first(REFUSED)
    assert await desk.orders.due_repeats(desk.cache, START + 0.7 * REFUSED_SECONDS) == []
    (due,) = await desk.orders.due_repeats(desk.cache, START + 1.3 * REFUSED_SECONDS)
    desk.results.put(Job(due.order, due.member, due.previous, attempts=1), GONE, START + 400)
    await desk.results.write()
    assert (await desk.outcome()).delivery is Delivery.VERIFIED
    assert (counted(desk.cache, "refused"), counted(desk.cache, "verified")) == (1, 1)
    await desk.repeat(GONE, START + 401)


async def test_a_refused_repeat_undoes_nothing(store: Store) -> None:
    """What was verified once stays so when a repeat is refused; that one is tried again."""
    desk = Desk(store)
    await desk.first(GONE)
    await desk.repeat(REFUSED, START + 1)
    assert (await desk.outcome()).delivery is Delivery.VERIFIED
    assert not await desk.finished()


async def test_what_the_store_could_not_take_is_written_later(tmp_path: Path) -> None:
    """Results that came while the store was away are on record when it is back, with the time of the purge."""
    server = Server(tmp_path, require("redis-server"))
    await server.start()
    store = await Store.connect(server.url)
    desk = Desk(store)
    (desk.order_id,) = await desk.orders.place([order()])
    await desk.orders.ensure_group("edge")
    (taken,) = await desk.orders.take("edge", "c", 1, 10)
    server.kill()
    desk.results.put(Job(taken, attempts=1), GONE, START)
    with pytest.raises(STORE_AWAY):
        await desk.results.write()
    await server.start()
    assert [job.order for job in await desk.results.write()] == [taken]
    assert (await desk.outcome()).at == START
    await store.close()
    server.kill()


async def test_waits_for_results(store: Store) -> None:
    """Writing waits until there is something to write."""
    desk = Desk(store)
    writing = asyncio.create_task(desk.results.write())
    await asyncio.sleep(0.05)
    assert not writing.done()
    desk.results.put(Job(replace(order(), id="1-1")), GONE, START)
    assert len(await asyncio.wait_for(writing, 60)) == 1

"""The worker of imports: whatever it is killed in, another goes on, and the counts are exact."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from edgeward.blocklist import jobs as jobs_module
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.jobs import Advance, Job, Jobs
from edgeward.blocklist.lines import Listed
from edgeward.blocklist.replica import Replica
from edgeward.config import SightingsSettings
from edgeward.control import importer as module
from edgeward.control.importer import Importer
from edgeward.store.connection import Store
from edgeward.takedown.backwards.retro import Retro
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Entry, Fingerprint, HashList, Sighting, Signal, Target

TOTAL = 200


class Bench:
    def __init__(self, store: Store) -> None:
        self.jobs, self.catalogue, self.orders = Jobs(store), Catalogue(store), Orders(store)
        self.sightings = Sightings(store, SightingsSettings())
        self.replica = Replica(store, "controller")
        self.retro = Retro(store, self.replica, self.sightings, self.orders, "one")

    def importer(self) -> Importer:
        return Importer(self.jobs, self.catalogue, self.retro, self.orders)

    async def job(self, count: int = TOTAL) -> Job:
        job = Job("bad", "me", time.time(), count, size=20)
        await self.jobs.create(job, [Listed(signal(number)) for number in range(count)])
        return job

    async def see(self, *numbers: int) -> None:
        seen = [(Target("http", "img.test", f"/{number}"), picture(number)) for number in numbers]
        await self.sightings.write([Sighting(target, image, time.time(), 0) for target, image in seen])

    async def ended(self, job: Job, seconds: float = 30) -> Advance:
        deadline = time.monotonic() + seconds
        while (advance := (await self.jobs.get(job.id))[1]).state not in ("done", "failed"):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)
        return advance


def signal(number: int) -> Signal:
    return Signal("md5", f"{number + 1:016x}" * 2)


def picture(number: int) -> Fingerprint:
    sha256 = f"{number:064x}"
    return Fingerprint(sha256, "image/jpeg", 1, (Signal("sha256", sha256), signal(number)))


@pytest.fixture
async def bench(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.05)
    made = Bench(store)
    await made.catalogue.create_list(HashList("bad"), "tester")
    async with AsyncExitStack() as stack:
        for part in (made.replica, made.retro):
            await part.start()
            stack.push_async_callback(part.close)
        yield made


@pytest.mark.parametrize("moment", ["begin", "add_entries", "listed", "matched"])
async def test_a_killed_worker_is_taken_over(bench: Bench, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Killed after any of its steps, half-way: another one ends the job, with every entry counted once and no order
    missing."""
    monkeypatch.setattr(jobs_module, "LEASE_SECONDS", 0.1)
    await bench.see(*range(TOTAL))
    job = await bench.job()
    first, second = bench.importer(), bench.importer()
    first._jobs, first._catalogue = Jobs(bench.jobs._store), Catalogue(bench.jobs._store)
    reached = kill_after(monkeypatch, first, moment, 5)
    await first.start()
    await asyncio.wait_for(reached.wait(), 30)
    await first.close()
    await second.start()
    advance = await bench.ended(job)
    await second.close()
    assert (advance.state, advance.added, advance.searched) == ("done", TOTAL, TOTAL)
    assert [len(await bench.jobs.versions(job.id, number)) for number in range(10)] == [20] * 10
    assert await bench.catalogue.count("bad") == TOTAL
    found = await bench.orders.of(await bench.jobs.orders(job.id))
    assert {order.target.path for order, _ in found} == {f"/{number}" for number in range(TOTAL)}


def kill_after(monkeypatch: pytest.MonkeyPatch, importer: Importer, step: str, times: int) -> asyncio.Event:
    """The importer stops for ever after it has made `step` so many times; the event says when."""
    reached, calls = asyncio.Event(), 0
    owner = importer._catalogue if step == "add_entries" else importer._jobs
    real: Callable[..., object] = getattr(owner, step)

    async def stops(*args: object) -> object:
        nonlocal calls
        result = await real(*args)  # type: ignore[misc]
        calls += 1
        if calls == times:
            reached.set()
            await asyncio.Event().wait()
        return result

    monkeypatch.setattr(owner, step, stops)
    return reached


async def test_what_was_listed_before_is_known(bench: Bench) -> None:
    """Entries that were on the list are not counted as added, whoever listed them, and keep their provenance."""
    await bench.catalogue.add_entries([Entry("bad", signal(number), "old") for number in range(0, TOTAL, 2)], "other")
    job = await bench.job()
    importer = bench.importer()
    await importer.start()
    advance = await bench.ended(job)
    await importer.close()
    assert (advance.added, await bench.catalogue.count("bad")) == (TOTAL // 2, TOTAL)


async def test_what_known_entries_still_owe_counts(bench: Bench) -> None:
    """A file that is imported again answers for the orders that its entries led to the first time."""
    await bench.see(3)
    importer = bench.importer()
    await importer.start()
    orders = []
    for _ in range(2):
        job = await bench.job()
        await bench.ended(job)
        orders.append(await bench.jobs.orders(job.id))
    await importer.close()
    assert orders[0] == orders[1]
    assert len(orders[0]) == 1


async def test_a_list_that_went_ends_the_job(bench: Bench) -> None:
    """Where the list is deleted meanwhile the job fails, and says why; others go on."""
    lost = await bench.job()
    await bench.catalogue.delete_list("bad", "tester")
    importer = bench.importer()
    await importer.start()
    advance = await bench.ended(lost)
    assert (advance.state, advance.error) == ("failed", "no list is named 'bad'")
    await bench.catalogue.create_list(HashList("bad"), "tester")
    job = await bench.job()
    importer.wake()
    assert (await bench.ended(job)).state == "done"
    await importer.close()


async def test_a_short_job_does_not_wait_for_a_long_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are worked on side by side."""
    long, importer = await bench.job(), bench.importer()
    chunk, begun, gate = bench.jobs.chunk, asyncio.Event(), asyncio.Event()

    async def held_up(job: Job, number: int) -> list[Entry]:
        if job.id == long.id:
            begun.set()
            await gate.wait()
        return await chunk(job, number)

    monkeypatch.setattr(bench.jobs, "chunk", held_up)
    await importer.start()
    await begun.wait()
    short = await bench.job(20)
    assert (await bench.ended(short)).state == "done"
    assert (await bench.jobs.get(long.id))[1].listed == 0
    gate.set()
    assert (await bench.ended(long)).state == "done"
    await importer.close()

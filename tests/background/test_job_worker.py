"""A worker of durable jobs: side by side, one worker a job, whatever fails or dies."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from tests.support.eventually import eventually

from edgeward import metrics
from edgeward.background import job_store as job_store_module
from edgeward.background import job_worker as module
from edgeward.background.job_store import JobStore
from edgeward.background.job_worker import JobWorker
from edgeward.errors import LaterRelease
from edgeward.store.connection import Store

LABEL = "test_job_worker"


class Worker(JobWorker):
    """Finishes its jobs at once; those of `held` when `hold` is set, those of `errors` after raising that once."""

    def __init__(self, store: Store, max_concurrent: int = 10) -> None:
        self.jobs = JobStore(store, "things", "thing", "thing")
        super().__init__("things", self.jobs, max_concurrent, LABEL)
        self.begun: list[str] = []
        self.hold = asyncio.Event()
        self.held: set[str] = set()
        self.errors: dict[str, Exception] = {}

    async def carry_out(self, job_id: str) -> None:
        self.begun.append(job_id)
        if job_id in self.errors:
            raise self.errors.pop(job_id)
        if job_id in self.held:
            await self.hold.wait()
        await self.jobs.finish(job_id, {"state": "done"})

    async def create(self, *job_ids: str) -> None:
        for job_id in job_ids:
            await self.jobs.create(job_id, job_id, time.time())

    async def are_done(self, *job_ids: str) -> bool:
        return all(record.lease_end is None for record in await self.jobs.read(job_ids))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.02)


def defects() -> float:
    return metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": LABEL}) or 0.0


async def test_jobs_are_carried_out_side_by_side(store: Store) -> None:
    """A job that takes long delays no other."""
    worker = Worker(store)
    worker.held = {"long"}
    await worker.create("long", "short")
    await worker.start()
    await eventually(lambda: worker.are_done("short"))
    assert not await worker.are_done("long")
    worker.hold.set()
    await eventually(lambda: worker.are_done("long"))
    await worker.close()
    assert sorted(worker.begun) == ["long", "short"]


async def test_no_more_at_once_than_allowed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs beyond the limit wait, and begin as soon as another ends: the worker does not wait for its next look."""
    monkeypatch.setattr(module, "TICK_SECONDS", 60.0)
    worker = Worker(store, max_concurrent=2)
    worker.held = {"a", "b", "c"}
    await worker.create("a", "b", "c")
    await worker.start()
    await eventually(lambda: len(worker.begun) == 2)
    worker.wake()
    for _ in range(5):
        await store.redis.ping()
    assert len(worker.begun) == 2
    worker.hold.set()
    await eventually(lambda: worker.are_done("a", "b", "c"))
    await worker.close()


async def test_waking_begins_a_job_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Woken, the worker looks before its time."""
    monkeypatch.setattr(module, "TICK_SECONDS", 60.0)
    worker = Worker(store)
    await worker.create("first")
    await worker.start()
    await eventually(lambda: worker.are_done("first"))
    await worker.create("second")
    worker.wake()
    await eventually(lambda: worker.are_done("second"))
    await worker.close()


async def test_two_workers_share_the_jobs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job is carried out by one of them, once."""
    monkeypatch.setattr(job_store_module, "LEASE_SECONDS", 60.0)
    workers = [Worker(store, max_concurrent=3) for _ in range(2)]
    names = [f"job{number}" for number in range(20)]
    await workers[0].create(*names)
    for worker in workers:
        await worker.start()
    await eventually(lambda: workers[0].are_done(*names))
    for worker in workers:
        await worker.close()
    assert sorted(workers[0].begun + workers[1].begun) == sorted(names)


async def test_a_job_that_is_held_is_not_begun_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that stood still until its leases ended may claim its own job: it goes on with the task that it has."""
    monkeypatch.setattr(job_store_module, "LEASE_SECONDS", 0.0)
    worker = Worker(store)
    worker.held = {"a"}
    claims = 0
    claim = worker.jobs.claim

    async def counted(limit: int, held: Sequence[str], left: Sequence[str] = ()) -> list[str]:
        nonlocal claims
        claimed = await claim(limit, held, left)
        claims += "a" in claimed
        return claimed

    monkeypatch.setattr(worker.jobs, "claim", counted)
    await worker.create("a")
    await worker.start()
    await eventually(lambda: claims >= 3)
    assert worker.begun == ["a"]
    worker.hold.set()
    await eventually(lambda: worker.are_done("a"))
    await worker.close()


async def test_jobs_of_a_dead_worker_are_taken_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its lease ends, another worker carries out a job that was begun."""
    monkeypatch.setattr(job_store_module, "LEASE_SECONDS", 0.1)
    dying, other = Worker(store), Worker(store)
    dying.held = {"a"}
    await dying.create("a")
    await dying.start()
    await eventually(lambda: dying.begun == ["a"])
    await dying.close()
    await other.start()
    await eventually(lambda: other.are_done("a"))
    await other.close()
    assert other.begun == ["a"]


async def test_a_long_job_keeps_its_lease(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its worker lives it renews the lease, and no other worker gets the job, however long it takes."""
    monkeypatch.setattr(job_store_module, "LEASE_SECONDS", 3600.0)
    worker = Worker(store)
    worker.held = {"a"}
    await worker.create("a")
    await worker.start()
    await eventually(lambda: worker.begun == ["a"])

    async def is_renewed() -> bool:
        return ((await worker.jobs.get("a")).lease_end or 0) > time.time() + 3000

    for _ in range(2):
        # As if it had been carried out for 50 minutes since.
        await store.redis.zadd(worker.jobs.key("open"), {"a": time.time() + 600})
        await eventually(is_renewed)
    assert await worker.jobs.claim(5, []) == []
    await worker.close()
    assert worker.begun == ["a"]


@pytest.mark.parametrize(("error", "counted"), [(ValueError("defect"), 1), (ConnectionError("away"), 0)])
async def test_a_job_that_fails_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception, counted: int
) -> None:
    """It stays open until its lease ends, and other jobs are carried out; only a defect is counted as one."""
    monkeypatch.setattr(job_store_module, "LEASE_SECONDS", 3600.0)
    before = defects()
    worker = Worker(store)
    worker.errors = {"bad": error}
    await worker.create("bad", "good")
    await worker.start()
    await eventually(lambda: worker.are_done("good"))
    await eventually(lambda: "bad" in worker.begun)
    assert not await worker.are_done("bad")
    assert defects() == before + counted
    await store.redis.zadd(worker.jobs.key("open"), {"bad": time.time() - 1})
    await eventually(lambda: worker.are_done("bad"))
    await worker.close()
    assert worker.begun.count("bad") == 2


async def test_closing_ends_the_jobs(store: Store) -> None:
    """When `close` returns no job is being carried out any more; what was not finished stays open."""
    worker = Worker(store)
    ended = asyncio.Event()

    async def endless(job_id: str) -> None:
        worker.begun.append(job_id)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    worker.carry_out = endless  # type: ignore[method-assign]
    await worker.create("a")
    await worker.start()
    await eventually(lambda: worker.begun)
    await worker.close()
    assert ended.is_set()
    assert not await worker.are_done("a")


async def test_a_job_of_a_later_release_is_left_to_its_workers(store: Store) -> None:
    """It is no defect, is not begun again here, delays no other, and another worker gets it at once."""
    before, worker, later = defects(), Worker(store), Worker(store)
    worker.errors = {"new": LaterRelease("a thing was written by a later release")}
    await worker.create("new", "known")
    await worker.start()
    await eventually(lambda: worker.are_done("known"))
    await eventually(lambda: "new" in worker.begun)
    await later.start()
    await eventually(lambda: worker.are_done("new"))
    assert worker.begun.count("new") == later.begun.count("new") == 1
    assert defects() == before
    await worker.close()
    await later.close()

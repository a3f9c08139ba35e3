"""Imports on record, on a real Redis."""

import asyncio
import time

import pytest

from edgeward.blocklist import jobs as module
from edgeward.blocklist.jobs import Advance, Job, Jobs
from edgeward.blocklist.lines import Listed
from edgeward.errors import NotFound
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal


def listed(count: int) -> list[Listed]:
    return [Listed(Signal("md5", f"{number:032x}"), "own" if number % 2 else "") for number in range(1, count + 1)]


async def created(store: Store, count: int = 25) -> tuple[Jobs, Job]:
    jobs, job = Jobs(store), Job("bad", "me", time.time(), count, "why", size=10)
    await jobs.create(job, listed(count))
    return jobs, job


async def test_the_entries_are_on_record(store: Store) -> None:
    """All entries come back, in order, with the reason of their line or of the job, and the job's time and author."""
    jobs, job = await created(store)
    assert job.chunks == 3
    entries = [entry for number in range(job.chunks) for entry in await jobs.chunk(job, number)]
    assert entries == [Entry("bad", each.signal, each.reason or "why", "me", job.at) for each in listed(25)]
    found, advance = await jobs.get(job.id)
    assert found == job
    assert advance == Advance(0, 0, 0, 0, None, 0, "running", "")


async def test_unknown_jobs(store: Store) -> None:
    """A job that is not there is NotFound."""
    with pytest.raises(NotFound, match="'job-1'"):
        await Jobs(store).get("job-1")


async def test_what_is_said_twice_counts_once(store: Store) -> None:
    """Two controllers that both believe a chunk is theirs do not spoil the counts."""
    jobs, job = await created(store)
    for _ in range(2):
        await jobs.listed(job.id, 0, range(5, 15))
    await jobs.listed(job.id, 1, [])
    await jobs.listed(job.id, 0, range(15, 25))
    for _ in range(2):
        await jobs.matched(job.id, 0, 10, 0, ["1-0", "2-0"])
    await jobs.matched(job.id, 1, 0, 2, [])
    assert (await jobs.get(job.id))[1] == Advance(2, 2, 10, 10, (5, 14), 2, "running", "")
    assert [list(await jobs.versions(job.id, number)) for number in range(3)] == [list(range(5, 15)), [], []]
    assert await jobs.orders(job.id) == ["1-0", "2-0"]


async def test_orders_that_were_noted_by_halves_are_noted_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who died between two commands leaves nothing behind: all orders are there, once."""
    monkeypatch.setattr(module, "IDS_AT_ONCE", 3)
    jobs, job = await created(store)
    ids = [f"{number}-0" for number in range(10)]
    await jobs.matched(job.id, 0, 1, 0, ids[:4])
    run, calls = store.run, 0

    async def dies(*args: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise asyncio.CancelledError
        return await run(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "run", dies)
    with pytest.raises(asyncio.CancelledError):
        await jobs.matched(job.id, 1, 1, 4, ids[4:])
    monkeypatch.setattr(store, "run", run)
    assert (await jobs.get(job.id))[1].matched == 1
    await jobs.matched(job.id, 1, 1, 4, ids[4:])
    assert await jobs.orders(job.id) == ids
    assert (await jobs.get(job.id))[1].orders == 10


async def test_beginnings_are_remembered(store: Store) -> None:
    """Who begins with a chunk that was begun learns the version at which that was; another chunk is another matter."""
    jobs, job = await created(store)
    assert await jobs.begin(job.id, 0, 7) == (7, True)
    assert await jobs.begin(job.id, 0, 9) == (7, False)
    assert await jobs.begin(job.id, 1, 9) == (9, True)


async def test_work_is_claimed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job is one controller's until it is not heard from; then it is interrupted, and anyone's."""
    monkeypatch.setattr(module, "LEASE_SECONDS", 60.0)
    jobs, job = await created(store)
    assert await jobs.claim(4, []) == [job.id]
    assert await jobs.claim(4, []) == []
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.05)
    assert await jobs.claim(4, [job.id]) == []  # renewed: for a shorter time
    await asyncio.sleep(0.1)
    monkeypatch.setattr(module, "LEASE_SECONDS", 60.0)
    assert (await jobs.get(job.id))[1].state == "interrupted"
    assert await jobs.claim(0, []) == []
    assert await jobs.claim(4, []) == [job.id]
    assert (await jobs.get(job.id))[1].state == "running"


@pytest.mark.parametrize(("error", "state"), [("", "done"), ("no list", "failed")])
async def test_the_end(store: Store, error: str, state: str) -> None:
    """A job that ended is nobody's work any more, and goes on being shown."""
    jobs, job = await created(store)
    await jobs.finish(job.id, error)
    assert await jobs.claim(4, []) == []
    ((found, advance),) = await jobs.recent()
    assert (found.id, advance.state, advance.error) == (job.id, state, error)
    assert await jobs.chunk(job, 0) == []


async def test_the_latest_come_first(store: Store) -> None:
    """The list of jobs is newest first and bounded."""
    jobs = Jobs(store)
    made = [Job("bad", "me", 1000.0 + number + time.time(), 1) for number in range(5)]
    for job in made:
        await jobs.create(job, listed(1))
    assert [job for job, _ in await jobs.recent(3)] == made[:1:-1]

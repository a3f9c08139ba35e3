"""Imports in a real Redis."""

import asyncio
import json
import time

import pytest
from redis.exceptions import ResponseError

from edgeward.background import job_store
from edgeward.errors import LaterRelease, NotFound
from edgeward.imports import import_jobs as module
from edgeward.imports.import_jobs import ImportJob, ImportJobs
from edgeward.imports.import_progress import ImportProgress
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal, entry_id


def hashes(count: int) -> list[ParsedHash]:
    return [ParsedHash(Signal("md5", f"{number:032x}"), "own" if number % 2 else "") for number in range(1, count + 1)]


async def created(store: Store, count: int = 25) -> tuple[ImportJobs, ImportJob]:
    jobs, job = ImportJobs(store), ImportJob("bad", "me", time.time(), count, "why", size=10)
    await jobs.create(job, hashes(count))
    return jobs, job


async def test_the_entries_are_stored(store: Store) -> None:
    """All entries come back, in order, with the reason of their line or of the job, and the job's time and author."""
    jobs, job = await created(store)
    assert job.chunks == 3
    entries = [entry for number in range(job.chunks) for entry in await jobs.chunk(job, number)]
    assert entries == [Entry("bad", each.signal, each.reason or "why", "me", job.at, job.id) for each in hashes(25)]
    found, progress = await jobs.get(job.id)
    assert found == job
    assert progress == ImportProgress(0, 0, 0, 0, None, 0, "running", "")


async def test_unknown_jobs(store: Store) -> None:
    """A job that is not there is NotFound."""
    with pytest.raises(NotFound, match="no job has the ID 'job-1'"):
        await ImportJobs(store).get("job-1")


async def test_what_is_noted_twice_counts_once(store: Store) -> None:
    """Two controllers that both carry out a chunk do not spoil the counts."""
    jobs, job = await created(store)
    for _ in range(2):
        await jobs.note_listed(job.id, 0, range(5, 15))
    await jobs.note_listed(job.id, 1, [])
    await jobs.note_listed(job.id, 0, range(15, 25))
    for _ in range(2):
        await jobs.note_matched(job.id, 0, 10, 0, ["1-0", "2-0"])
    await jobs.note_matched(job.id, 1, 0, 2, [])
    assert (await jobs.get(job.id))[1] == ImportProgress(2, 2, 10, 10, (5, 14), 2, "running", "")
    assert [list(await jobs.versions(job.id, number)) for number in range(3)] == [list(range(5, 15)), [], []]
    assert await jobs.orders(job.id) == ["1-0", "2-0"]


async def test_orders_that_were_half_noted_are_noted_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller that dies between two commands leaves no harm: all orders are there, once."""
    monkeypatch.setattr(module, "ORDERS_PER_CALL", 3)
    jobs, job = await created(store)
    ids = [f"{number}-0" for number in range(10)]
    await jobs.note_matched(job.id, 0, 1, 0, ids[:4])
    run, calls = store.run, 0

    async def dies(*args: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise asyncio.CancelledError
        return await run(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "run", dies)
    with pytest.raises(asyncio.CancelledError):
        await jobs.note_matched(job.id, 1, 1, 4, ids[4:])
    monkeypatch.setattr(store, "run", run)
    assert (await jobs.get(job.id))[1].chunks_matched == 1
    await jobs.note_matched(job.id, 1, 1, 4, ids[4:])
    assert await jobs.orders(job.id) == ids
    assert (await jobs.get(job.id))[1].orders == 10


async def test_the_beginning_of_a_chunk_is_remembered(store: Store) -> None:
    """A controller that begins a chunk again learns the version at which it was first begun; other chunks do not."""
    jobs, job = await created(store)
    assert await jobs.begin(job.id, 0, 7) == (7, True)
    assert await jobs.begin(job.id, 0, 9) == (7, False)
    assert await jobs.begin(job.id, 1, 9) == (9, True)


async def test_a_job_without_a_worker_is_interrupted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job runs, also before a worker has it, until its lease ends; it runs again when another worker has it."""
    jobs, job = await created(store)

    async def state() -> str:
        return (await jobs.get(job.id))[1].state

    monkeypatch.setattr(job_store, "LEASE_SECONDS", 60.0)
    assert await state() == "running"
    assert await jobs.job_store.claim(4, []) == [job.id]
    assert await state() == "running"
    await store.redis.zadd(jobs.job_store.key("open"), {job.id: time.time() - 1})
    assert await state() == "interrupted"
    assert await jobs.job_store.claim(4, []) == [job.id]
    assert await state() == "running"


@pytest.mark.parametrize(("error", "state"), [("", "done"), ("no list", "failed")])
async def test_the_end(store: Store, error: str, state: str) -> None:
    """A job that ended gets no worker any more, and is still shown; its entries are removed."""
    jobs, job = await created(store)
    await jobs.note_matched(job.id, 0, 1, 0, ["1-0"])
    await jobs.finish(job.id, error)
    assert await jobs.job_store.claim(4, []) == []
    ((found, progress),) = await jobs.recent()
    assert (found.id, progress.state, progress.error) == (job.id, state, error)
    assert await jobs.chunk(job, 0) == []
    for key in (jobs.job_store.record(job.id), jobs.job_store.key("orders", job.id)):
        assert await store.redis.ttl(key) == -1
    await jobs.forget_before(job.at - 1)
    assert (await jobs.get(job.id))[0].id == job.id
    await jobs.forget_before(job.at + 1)
    assert await store.redis.keys(store.key("{jobs}", f"*{job.id}")) == []


async def test_staged_entries_expire_without_their_job(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries of a job that was never recorded go by themselves; those of a recorded job are kept as long as it is."""
    jobs, job = await created(store)
    key = jobs.job_store.key("chunks", job.id)
    assert await store.redis.ttl(key) == -1

    async def dies(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(store, "run_durably", dies)
    unrecorded = ImportJob("bad", "me", time.time(), 25, size=10)
    with pytest.raises(asyncio.CancelledError):
        await jobs.create(unrecorded, hashes(25))
    assert 0 < await store.redis.ttl(jobs.job_store.key("chunks", unrecorded.id)) <= job_store.STAGED_SECONDS


async def test_keys_and_fields_stay_as_they_are(store: Store) -> None:
    """What 0.1 wrote is read by later versions: names in the store do not change with those of the code."""
    jobs, job = await created(store)
    await jobs.begin(job.id, 0, 4)
    await jobs.note_listed(job.id, 0, range(5, 15))
    await jobs.note_matched(job.id, 0, 10, 0, ["1-0"])
    beginning = store.key("{jobs}", "")
    names = {key.decode().removeprefix(beginning) for key in await store.redis.keys(f"{beginning}*")}
    assert names == {f"{name}:{job.id}" for name in ("record", "chunks", "ranges", "orders")} | {"open", "index"}
    await jobs.finish(job.id, "no list")
    fields = await store.redis.hgetall(jobs.job_store.record(job.id))
    assert {name.decode() for name in fields} == {
        "job", "begun", "added", "listed", "first", "last", "orders", "matched", "searched", "state", "error"
    }  # fmt: skip
    assert (fields[b"begun"], fields[b"job"]) == (b"0 4", job.to_json().encode())


async def test_the_latest_come_first(store: Store) -> None:
    """The list of jobs is newest first and bounded."""
    jobs = ImportJobs(store)
    made = [ImportJob("bad", "me", 1000.0 + number + time.time(), 1) for number in range(5)]
    for job in made:
        await jobs.create(job, hashes(1))
    assert [job for job, _ in await jobs.recent(3)] == made[:1:-1]


def test_an_import_of_a_later_release() -> None:
    """Fields that are not known are passed over; one that needs a later release is left to it."""
    job = ImportJob("bad", "ana", 1.0, 3)
    assert ImportJob.from_json(json.dumps({**json.loads(job.to_json()), "region": "eu"})) == job
    with pytest.raises(LaterRelease, match="an import"):
        ImportJob.from_json(json.dumps({**json.loads(job.to_json()), "needs": 9}))


async def test_a_discarded_job_leaves_nothing(store: Store) -> None:
    """Its entries go at once, and it is never recorded later; a job that is on record stays."""
    jobs, job = await created(store)
    assert not await jobs.discard(job.id)
    assert len(await jobs.chunk(job, 0)) == 10
    other = ImportJob("bad", "me", time.time(), 25, size=10)
    await jobs.job_store.stage(other.id, "chunks", ["[]"])
    assert await jobs.discard(other.id)
    assert await jobs.chunk(other, 0) == []
    with pytest.raises(ResponseError, match="given up"):
        await jobs.create(other, hashes(25))
    with pytest.raises(NotFound):
        await jobs.get(other.id)
    assert await jobs.job_store.claim(10, []) == [job.id]


async def test_what_a_file_says_of_its_hashes_is_kept(store: Store) -> None:
    """Source ids and tags, withdrawals and sources, in chunks. Rows that an earlier release staged are read too."""
    jobs = ImportJobs(store)
    count = module.withdrawals.CHUNK_SIZE + 1
    job = ImportJob("bad", "ana", 1.5, 3, "why", withdrawals=count, sources=2)
    signals = [each.signal for each in hashes(count)]
    rows = [ParsedHash(signals[0], "own", "s1", ("a", "b")), ParsedHash(signals[1], "", "", ("c",))]
    await jobs.create(job, [*rows, ParsedHash(signals[2])], signals, ["x", "y"])
    first, second, third = await jobs.chunk(job, 0)
    assert (first.source_id, first.tags, first.reason, first.act) == ("s1", ("a", "b"), "own", job.id)
    assert (second.source_id, second.tags, second.reason) == ("", ("c",), "why")
    assert (third.source_id, third.tags) == ("", ())
    assert await jobs.sources(job, 0) == ["x", "y"]
    ids = [entry_id("bad", signal) for signal in signals]
    assert [*await jobs.withdrawals(job, 0), *await jobs.withdrawals(job, 1)] == ids
    assert (job.chunks, job.withdrawal_chunks, job.source_chunks) == (1, 2, 1)
    assert (await jobs.get(job.id))[0] == job
    await store.redis.lset(jobs.job_store.key("chunks", job.id), 0, '[["md5","00",null,""]]')
    (old,) = await jobs.chunk(job, 0)
    assert (old.signal.value, old.source_id, old.tags) == ("00", "", ())
    assert await jobs.lists_any(job, [old.id, first.id]) == {old.id}


async def test_a_release_without_withdrawals_leaves_such_a_job(store: Store) -> None:
    """It would list, and withdraw nothing. Other jobs it carries out as before."""
    assert "needs" not in json.loads(ImportJob("bad", "ana", 1.5, 3).to_json())
    for job in (ImportJob("bad", "ana", 1.5, 3, withdrawals=1), ImportJob("bad", "ana", 1.5, 3, sources=1)):
        assert json.loads(job.to_json())["needs"] == 2


async def test_the_order_of_imports_matters_if_one_withdraws(store: Store) -> None:
    """Of one list, and only until the earlier one is finished."""
    jobs = ImportJobs(store)
    adding, withdrawing = ImportJob("bad", "ana", 1.0, 0), ImportJob("bad", "ana", 2.0, 0, sources=1)
    later, other = ImportJob("bad", "ana", 3.0, 0), ImportJob("good", "ana", 4.0, 0, sources=1)
    for job in (adding, withdrawing, later, other):
        await jobs.create(job, [], [], ["s"] if job.sources else [])
    assert [await jobs.has_earlier(job) for job in (adding, withdrawing, later, other)] == [False, True, True, False]
    await jobs.finish(adding.id)
    assert [await jobs.has_earlier(job) for job in (withdrawing, later)] == [False, True]
    await jobs.finish(withdrawing.id)
    assert not await jobs.has_earlier(later)

"""Durable jobs on a real Redis: created once, leased to one worker, finished for good."""

import time

import pytest
from tests.conftest import STORE_TIMEOUT_MS
from tests.support.eventually import eventually
from tests.support.stepping_store import SteppingStore

from edgeward.background import job_store as module
from edgeward.background.job_store import JobRecord, JobStore
from edgeward.errors import NotFound, StoreUnavailable
from edgeward.store.connection import Store

NOW = time.time()
DAY = 86400.0


def job_store(store: Store) -> JobStore:
    return JobStore(store, "things", "thing", "thing", lists=("parts", "orders"))


async def stored(store: Store) -> set[str]:
    """The keys of all jobs, without the beginning that they share."""
    beginning = store.key("{things}", "")
    return {key.decode().removeprefix(beginning) for key in await store.redis.keys(f"{beginning}*")}


async def test_a_job_is_read_as_it_was_created(store: Store) -> None:
    """Its JSON, its progress and the lengths of its lists come back, in the order of the ids asked for."""
    jobs = job_store(store)
    assert await jobs.create("one", "{1}", NOW) is None
    await jobs.create("two", "{2}", NOW)
    await store.redis.hset(jobs.record("one"), "steps", 3)
    await store.redis.rpush(jobs.key("orders", "one"), "1-0", "2-0")
    one = JobRecord(b"{1}", {b"steps": b"3"}, 0.0, {"parts": 0, "orders": 2})
    two = JobRecord(b"{2}", {}, 0.0, {"parts": 0, "orders": 0})
    assert await jobs.get("one") == one
    assert await jobs.read(["two", "none", "one"]) == [two, one]
    assert await jobs.read([]) == []
    with pytest.raises(NotFound, match="no thing has the ID 'none'"):
        await jobs.get("none")


async def test_the_latest_come_first(store: Store) -> None:
    """Recent jobs are newest first and at most as many as asked for, whatever their ids are."""
    jobs = job_store(store)
    for number, name in enumerate("bca"):
        await jobs.create(name, name, NOW + number)
    assert [record.job for record in await jobs.recent(2)] == [b"a", b"c"]


async def test_a_key_makes_one_job(store: Store) -> None:
    """A second job with the same idempotency key is not created, and the first one's id and digest are told."""
    jobs = job_store(store)
    assert await jobs.create("one", "1", NOW, key="k", digest="d1") is None
    assert await jobs.create("two", "2", NOW, key="k", digest="d2") == ("one", "d1")
    assert await jobs.create("three", "3", NOW, key="other", digest="d1") is None
    assert [record.job for record in await jobs.recent(9)] == [b"3", b"1"]
    assert sorted(await jobs.claim(9, [])) == ["one", "three"]
    assert await store.redis.get(jobs.key("key", "k")) == b"one d1"


async def test_a_job_is_leased_to_one_worker(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker gets a leased job, until its lease ends; a lease that is renewed does not end."""
    jobs = job_store(store)
    for name in "abc":
        await jobs.create(name, name, NOW)
    monkeypatch.setattr(module, "LEASE_SECONDS", 3600.0)
    (first,) = await jobs.claim(1, [])
    assert sorted([first, *await jobs.claim(9, [first])]) == ["a", "b", "c"]
    assert await jobs.claim(9, []) == []
    for name in "abc":
        await store.redis.zadd(jobs.key("open"), {name: time.time() - 1})
    assert sorted(await jobs.claim(9, ["a"])) == ["b", "c"]
    assert await jobs.claim(9, []) == []


async def test_a_lease_lasts_its_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease ends LEASE_SECONDS after it was given or renewed, by the store's clock, and not before."""
    jobs = job_store(store)
    await jobs.create("a", "a", NOW)
    monkeypatch.setattr(module, "LEASE_SECONDS", 30.0)
    for held in ([], ["a"]):
        before = time.time()
        await jobs.claim(1, held)
        lease_end = (await jobs.get("a")).lease_end
        assert lease_end is not None
        assert before + 30 <= lease_end + 0.001 and lease_end <= time.time() + 30.001
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.05)
    await jobs.claim(1, ["a"])

    async def is_free() -> bool:
        return await jobs.claim(1, []) == ["a"]

    await eventually(is_free)


async def test_no_more_is_claimed_than_asked_for(store: Store) -> None:
    """The limit counts new jobs only, and at 0 leases are renewed and nothing is claimed."""
    jobs = job_store(store)
    for name in "abc":
        await jobs.create(name, name, NOW)
    assert await jobs.claim(0, []) == []
    held = await jobs.claim(2, [])
    assert len(held) == 2
    await store.redis.zadd(jobs.key("open"), dict.fromkeys(held, 1.0))
    assert await jobs.claim(0, held) == []
    assert len(await jobs.claim(9, [])) == 1


async def test_a_finished_job_is_not_opened_again(store: Store) -> None:
    """A worker that still holds a job which another one finished does not open it by renewing its lease."""
    jobs = job_store(store)
    await jobs.create("a", "a", NOW)
    await jobs.claim(1, [])
    await jobs.finish("a", {})
    assert await jobs.claim(1, ["a"]) == []
    assert (await jobs.get("a")).lease_end is None
    assert await jobs.claim(1, []) == []


async def test_finishing_writes_the_outcome(store: Store) -> None:
    """The fields are written, lists that are not needed are removed, and the others stay."""
    jobs = job_store(store)
    await jobs.create("a", "a", NOW)
    for name in ("parts", "orders"):
        await store.redis.rpush(jobs.key(name, "a"), "x")
    await jobs.finish("a", {"state": "done", "error": ""}, remove=("parts",))
    record = await jobs.get("a")
    assert record.fields == {b"state": b"done", b"error": b""}
    assert record.lengths == {"parts": 0, "orders": 1}


async def test_only_what_is_staged_expires(store: Store) -> None:
    """Of a job on record nothing does, finished or not; nor what an earlier release wrote, once a worker has it."""
    jobs = job_store(store)
    await jobs.stage("a", "parts", ["x", "y"])
    assert 0 < await store.redis.ttl(jobs.key("parts", "a")) <= module.STAGED_SECONDS
    await jobs.create("a", "a", NOW, staged={"parts": 2})
    await store.redis.rpush(jobs.key("orders", "a"), "x")
    await store.redis.expire(jobs.key("orders", "a"), 5)
    assert await jobs.count_open() == len(await jobs.claim(1, [])) == 1
    await jobs.finish("a", {})
    for key in (jobs.record("a"), jobs.key("orders", "a"), jobs.key("parts", "a")):
        assert await store.redis.ttl(key) == -1
    assert await jobs.count_open() == 0


async def test_a_job_is_not_recorded_without_what_was_staged(store: Store) -> None:
    """A part of it may have expired, as the store's clock was set forwards: then nothing is written, which is said."""
    jobs = job_store(store)
    await jobs.stage("a", "parts", ["x"])
    await store.redis.unlink(jobs.key("parts", "a"))
    await jobs.stage("a", "parts", ["y"])
    with pytest.raises(StoreUnavailable, match="for the thing, or its clock was set forwards: try again"):
        await jobs.create("a", "a", NOW, key="k", digest="d", staged={"parts": 2})
    assert await stored(store) == {"parts:a"}
    await jobs.stage("a", "parts", ["z"])
    assert await jobs.create("a", "a", NOW, key="k", digest="d", staged={"parts": 2}) is None


async def test_no_step_of_the_stores_clock_matters(stepping: SteppingStore) -> None:
    """A job of a worker that died is claimed after its lease, though the clock was set back; one of a live worker is
    not claimed, though it was set forwards."""
    store = await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS)
    jobs = job_store(store)
    await jobs.create("a", "a", NOW)
    assert await jobs.claim(1, []) == ["a"]
    await stepping.step_and_wait(store, 40 * DAY)
    assert await jobs.claim(1, []) == []
    assert not (await jobs.get("a")).is_interrupted
    await stepping.step_and_wait(store, -50 * DAY)

    async def is_free() -> bool:
        return await jobs.claim(1, []) == ["a"]

    await eventually(is_free)
    await store.close()


async def test_finished_jobs_are_found_by_age(store: Store) -> None:
    """Only finished ones, created before the time, oldest first, and no more of the index than asked for."""
    jobs = job_store(store)
    for number, name in enumerate(("c", "open", "b", "a")):
        await jobs.create(name, name, NOW + number)
        if name != "open":
            await jobs.finish(name, {})
    assert await jobs.finished_before(NOW + 2.5, 9) == ["c", "b"]
    assert await jobs.finished_before(NOW + 9, 2) == ["c"]
    assert await jobs.finished_before(NOW - 1, 9) == []


async def test_nothing_is_left_of_a_forgotten_job(store: Store) -> None:
    """Its record, lists, key and places are removed; other jobs are not touched."""
    jobs = job_store(store)
    await jobs.create("a", "a", NOW, key="k", digest="d")
    await store.redis.rpush(jobs.key("orders", "a"), "x")
    await jobs.create("b", "b", NOW)
    assert await stored(store) == {"record:a", "orders:a", "key:k", "record:b", "open", "index"}
    await jobs.forget("a", "k")
    assert await stored(store) == {"record:b", "open", "index"}
    assert await jobs.claim(9, []) == ["b"]
    assert [record.job for record in await jobs.recent(9)] == [b"b"]


async def test_a_job_is_forgotten_in_one_step(store: Store) -> None:
    """A worker that dies while it forgets a job leaves all or nothing of it: one command is sent."""
    jobs = job_store(store)
    await jobs.create("a", "a", NOW, key="k", digest="d")
    await jobs.forget("none")  # the server has the script now
    commands = []
    async with store.redis.monitor() as monitor:
        await jobs.forget("a", "k")
        await store.redis.ping()
        async for command in monitor.listen():
            if command["command"] == "PING":
                break
            if command["client_type"] != "lua" and "things" in command["command"]:
                commands.append(command["command"].split()[0])
    assert commands == ["EVALSHA"]
    assert await stored(store) == set()


async def test_what_is_left_of_a_lost_record_is_forgotten(store: Store) -> None:
    """An id whose record is gone is removed from the index, and with it the job's lists."""
    jobs = job_store(store)
    await jobs.create("a", "a", NOW)
    await jobs.finish("a", {})
    await store.redis.rpush(jobs.key("orders", "a"), "x")
    await store.redis.delete(jobs.record("a"))
    assert await jobs.finished_before(NOW + 1, 9) == ["a"]
    await jobs.forget("a")
    assert await stored(store) == set()


async def test_records_without_a_job_are_left_out(store: Store) -> None:
    """Progress that was noted after a job had expired is no job: reading it fails for no other."""
    jobs = job_store(store)
    await jobs.create("a", "a", NOW)
    await store.redis.hset(jobs.record("expired"), "parts", 1)
    assert [record.job for record in await jobs.read(["expired", "a"])] == [b"a"]
    with pytest.raises(NotFound):
        await jobs.get("expired")


async def test_a_job_is_finished_once(store: Store) -> None:
    """A worker that was frozen finishes a job that another has finished: how the first one ended it stays."""
    jobs = job_store(store)
    await jobs.create("one", "1", NOW)
    await jobs.finish("one", {"state": "done"})
    await jobs.finish("one", {"state": "failed"})
    assert (await jobs.get("one")).fields == {b"state": b"done"}


async def test_a_held_job_is_no_workers(store: Store) -> None:
    """Until it is released; then it is claimed as any other, with what was noted of the decision."""
    jobs = job_store(store)
    await jobs.stage("one", "parts", ["a", "b"])
    await jobs.create("one", "1", NOW, "key", "digest", staged={"parts": 2}, held="{too much}")
    assert await jobs.create("two", "2", NOW, "key", "digest") == ("one", "digest")
    held = await jobs.get("one")
    assert (held.held_at, held.lease_end, held.fields) == (pytest.approx(NOW), None, {b"held": b"{too much}"})
    assert (await jobs.claim(9, []), await jobs.held_ids(9), await jobs.count_held()) == ([], ["one"], 1)
    assert await jobs.finished_before(NOW + 1, 9) == []
    await jobs.note_held("one", "{more}")
    assert await jobs.release("one", {"by": "bo"})
    assert not await jobs.release("one", {"by": "eve"})
    await jobs.note_held("one", "{late}")
    assert (await jobs.get("one")).fields == {b"held": b"{more}", b"by": b"bo"}
    assert (await jobs.claim(9, []), await jobs.count_held()) == (["one"], 0)


async def test_a_rejected_job_is_over(store: Store) -> None:
    """It is never claimed, what was staged for it is gone, and it is forgotten as any other."""
    jobs = job_store(store)
    await jobs.stage("one", "parts", ["a"])
    await jobs.create("one", "1", NOW, staged={"parts": 1}, held="{}")
    assert await jobs.reject("one", {"state": "failed"}, remove=["parts"])
    assert not await jobs.release("one", {})
    record = await jobs.get("one")
    assert (record.held_at, record.lengths["parts"], record.fields[b"state"]) == (None, 0, b"failed")
    assert (await jobs.claim(9, []), await jobs.finished_before(NOW + 1, 9)) == ([], ["one"])
    await jobs.create("two", "2", NOW, held="{}")
    for name in ("one", "two"):
        await jobs.forget(name)
    assert await stored(store) == {"clock"}

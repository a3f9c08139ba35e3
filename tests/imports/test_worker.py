"""The worker of imports: at whatever point it is killed, another goes on, and the counts are exact."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

import pytest
from tests.imports.controller import TOTAL, Controller, signal
from tests.support.eventually import eventually
from tests.support.list_entries import entry_count

from edgeward.background import job_store, job_worker
from edgeward.imports import import_jobs, worker
from edgeward.imports.import_jobs import ImportJob, ImportJobs
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, Scope, Signal


@pytest.fixture
async def controller(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Controller]:
    """One whose replica and retromatch worker run, and whose import workers look for jobs all the time."""
    monkeypatch.setattr(job_worker, "TICK_SECONDS", 0.05)
    made = Controller(store)
    await made.list_store.create_list(HashList("bad"), "tester")
    async with AsyncExitStack() as stack:
        for part in (made.replica, made.retromatch):
            await part.start()
            stack.push_async_callback(part.close)
        yield made


def stop_after(monkeypatch: pytest.MonkeyPatch, owner: object, method: str, times: int) -> asyncio.Event:
    """Let a call of `owner.method` never return, after it was done `times` times; the event says when."""
    reached, calls = asyncio.Event(), 0
    real: Callable[..., object] = getattr(owner, method)

    async def stops(*args: object) -> object:
        nonlocal calls
        result = await real(*args)  # type: ignore[misc]
        calls += 1
        if calls == times:
            reached.set()
            await asyncio.Event().wait()
        return result

    monkeypatch.setattr(owner, method, stops)
    return reached


@pytest.mark.parametrize("method", ["begin", "add_entries", "note_listed", "note_matched"])
async def test_a_killed_worker_is_replaced(
    controller: Controller, store: Store, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """A worker is killed half-way, after any of its calls: another one ends the job, with every entry counted once and
    no order missing."""
    monkeypatch.setattr(job_store, "LEASE_SECONDS", 0.1)
    await controller.see(*range(TOTAL))
    job = await controller.create_job()
    jobs, list_store = ImportJobs(store), ListStore(store)
    first, second = controller.import_worker(jobs, list_store), controller.import_worker()
    reached = stop_after(monkeypatch, list_store if method == "add_entries" else jobs, method, 5)
    await first.start()
    await asyncio.wait_for(reached.wait(), 60)
    await first.close()
    await second.start()
    progress = await controller.ended(job)
    await second.close()
    assert (progress.state, progress.added, progress.entries_matched) == ("done", TOTAL, TOTAL)
    assert [len(await controller.jobs.versions(job.id, number)) for number in range(10)] == [20] * 10
    assert await entry_count(controller.list_store, "bad") == TOTAL
    found = await controller.orders.get_many(await controller.jobs.orders(job.id))
    assert {order.target.path for order, _ in found} == {f"/{number}" for number in range(TOTAL)}


async def test_what_was_listed_before_is_not_added(controller: Controller) -> None:
    """Entries that were on the list are not counted as added, whoever listed them, and keep their provenance."""
    known = [Entry("bad", signal(number), "old") for number in range(0, TOTAL, 2)]
    await controller.list_store.add_entries(known, "other")
    job = await controller.create_job()
    import_worker = controller.import_worker()
    await import_worker.start()
    progress = await controller.ended(job)
    await import_worker.close()
    assert (progress.added, await entry_count(controller.list_store, "bad")) == (TOTAL // 2, TOTAL)


async def test_orders_of_known_entries_count(controller: Controller) -> None:
    """A file that is imported again has the orders that followed from its entries the first time."""
    await controller.see(3)
    import_worker = controller.import_worker()
    await import_worker.start()
    orders = []
    for _ in range(2):
        job = await controller.create_job()
        await controller.ended(job)
        orders.append(await controller.jobs.orders(job.id))
    await import_worker.close()
    assert orders[0] == orders[1]
    assert len(orders[0]) == 1


async def test_known_entries_are_purged_again_if_that_is_asked_for(controller: Controller) -> None:
    """A copy may have been stored since the first import. The entries keep their provenance, and are not added."""
    await controller.see(3)
    import_worker = controller.import_worker()
    await import_worker.start()
    orders = []
    for purge_again in (False, True, False):
        job = await controller.create_job(40, purge_again)
        progress = await controller.ended(job)
        assert (progress.state, progress.added) == ("done", 0 if orders else 40)
        orders.append(await controller.jobs.orders(job.id))
        # Whatever earlier imports ordered for these entries is none of its purges.
        assert len(set(orders[-1]) - await controller.jobs.earlier(job.id)) == (
            1 if purge_again or not orders[1:] else 0
        )
    await import_worker.close()
    assert set(orders[0]) < set(orders[1]) == set(orders[2])
    found = await controller.orders.get_many(orders[1])
    assert [order.target.path for order, _ in found if order.scope is Scope.TARGET] == ["/3", "/3"]


async def test_a_killed_worker_leaves_nothing_to_purge_again(
    controller: Controller, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after it has listed known entries again, and before it has noted that: another one ends the job with
    their new orders."""
    monkeypatch.setattr(job_store, "LEASE_SECONDS", 0.1)
    await controller.see(3)
    known = [Entry("bad", signal(number), "old") for number in range(20)]
    version = (await controller.list_store.add_entries(known, "other"))[-1].version

    async def is_matched() -> bool:
        return await controller.retromatch.version() >= version

    await eventually(is_matched, "the first listing is matched")
    job, jobs = await controller.create_job(40, purge_again=True), ImportJobs(store)
    first, second = controller.import_worker(jobs), controller.import_worker()
    reached = stop_after(monkeypatch, jobs, "list_again", 1)
    await first.start()
    await asyncio.wait_for(reached.wait(), 60)
    await first.close()
    await second.start()
    progress = await controller.ended(job)
    await second.close()
    assert (progress.state, progress.added) == ("done", 20)
    found = await controller.orders.get_many(await controller.jobs.orders(job.id))
    paths = [order.target.path for order, _ in found if order.scope is Scope.TARGET]
    # One by the first listing, and one or two by listing it again.
    assert paths in (["/3"] * 2, ["/3"] * 3)


async def test_a_deleted_list_ends_the_job(controller: Controller) -> None:
    """If the list is deleted meanwhile the job fails, and says why; others go on."""
    lost = await controller.create_job()
    await controller.list_store.delete_list("bad", "tester")
    import_worker = controller.import_worker()
    await import_worker.start()
    progress = await controller.ended(lost)
    assert (progress.state, progress.error) == ("failed", "no list is named 'bad'")
    await controller.list_store.create_list(HashList("bad"), "tester")
    job = await controller.create_job()
    import_worker.wake()
    assert (await controller.ended(job)).state == "done"
    await import_worker.close()


async def test_a_short_job_does_not_wait_for_a_long_one(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imports are carried out side by side."""
    long, import_worker = await controller.create_job(), controller.import_worker()
    chunk, begun, gate = controller.jobs.chunk, asyncio.Event(), asyncio.Event()

    async def held_up(job: ImportJob, number: int) -> list[Entry]:
        if job.id == long.id:
            begun.set()
            await gate.wait()
        return await chunk(job, number)

    monkeypatch.setattr(controller.jobs, "chunk", held_up)
    await import_worker.start()
    await begun.wait()
    short = await controller.create_job(20)
    assert (await controller.ended(short)).state == "done"
    assert (await controller.jobs.get(long.id))[1].chunks_listed == 0
    gate.set()
    assert (await controller.ended(long)).state == "done"
    await import_worker.close()


async def test_a_job_that_has_expired_is_forgotten(controller: Controller, store: Store) -> None:
    """Of a job whose record is gone, nothing is left: it is not failed, which would make a record without a job."""
    job = await controller.create_job(1)
    await store.redis.delete(controller.jobs.job_store.record(job.id))
    await controller.import_worker().carry_out(job.id)
    assert await store.redis.keys(store.key("{jobs}", "*")) == []
    assert await controller.jobs.recent() == []


async def test_an_order_that_follows_from_several_chunks_counts_once(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them match the same picture, or purge the same host."""

    async def orders_of_each(versions: Sequence[int]) -> list[list[str] | None]:
        return [["7-0", f"{version}-1"] for version in versions]

    monkeypatch.setattr(controller.retromatch, "orders_of_each", orders_of_each)
    job = await controller.create_job()
    import_worker = controller.import_worker()
    await import_worker.start()
    progress = await controller.ended(job)
    await import_worker.close()
    ids = await controller.jobs.orders(job.id)
    assert progress.orders == len(ids) == len(set(ids)) == TOTAL + 1


async def withdrawing_job(controller: Controller, listed: Sequence[int], withdrawn: Sequence[int]) -> ImportJob:
    """An import that lists some signals and withdraws others, and all that has the source id "gone"."""
    job = ImportJob("bad", "me", time.time(), len(listed), size=20, withdrawals=len(withdrawn), sources=1)
    await controller.list_store.acts.declare(job.id, "bad", "me", "")
    hashes = [ParsedHash(signal(number)) for number in listed]
    await controller.jobs.create(job, hashes, [signal(number) for number in withdrawn], ["gone"])
    return job


async def on_list(controller: Controller) -> set[Signal]:
    return {each.signal async for some in controller.list_store.scan("bad") for each in some}


@pytest.mark.parametrize("method", ["withdraw", "note_withdrawn"])
async def test_what_the_file_withdraws_is_taken_off(
    controller: Controller, store: Store, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """By hash, and all of a source but what the file lists itself. A worker that is killed on the way is replaced, and
    everything is counted once."""
    monkeypatch.setattr(job_store, "LEASE_SECONDS", 0.1)
    monkeypatch.setattr(import_jobs.withdrawals, "CHUNK_SIZE", 10)
    monkeypatch.setattr(worker, "CHUNK_SIZE", 10)
    gone = [Entry("bad", signal(number), source_id="gone") for number in (100, 101, 102, 103)]
    await controller.list_store.add_entries([Entry("bad", signal(number)) for number in range(50)] + gone, "other")
    job = await withdrawing_job(controller, [101, 103, *range(200, 240)], range(20, 60))
    jobs, list_store = ImportJobs(store), ListStore(store)
    first, second = controller.import_worker(jobs, list_store), controller.import_worker()
    reached = stop_after(monkeypatch, list_store.withdrawals if method == "withdraw" else jobs, method, 2)
    await first.start()
    await asyncio.wait_for(reached.wait(), 60)
    await first.close()
    await second.start()
    progress = await controller.ended(job)
    await second.close()
    assert (progress.state, progress.added) == ("done", 40)
    assert await on_list(controller) == {signal(n) for n in (*range(20), 101, 103, *range(200, 240))}
    assert progress.withdrawn == (await controller.list_store.acts.get(job.id)).withdrawn == 32


async def test_imports_of_a_list_keep_their_order(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that withdraws waits for the one before it, and leaves its place to it meanwhile; the one after waits too."""
    monkeypatch.setattr(worker, "EARLIER_SECONDS", 0.05)
    monkeypatch.setattr(worker, "MAX_CONCURRENT", 1)
    monkeypatch.setattr(job_store, "LEASE_SECONDS", 0.2)
    first = await controller.create_job(40)
    withdrawing = await withdrawing_job(controller, [], range(40))
    last = await controller.create_job(10)
    import_worker = controller.import_worker()
    await import_worker.start()
    for job in (first, withdrawing, last):
        assert (await controller.ended(job)).state == "done"
    await import_worker.close()
    assert await on_list(controller) == {signal(n) for n in range(10)}
    assert (await controller.jobs.get(withdrawing.id))[1].withdrawn == 40


async def test_a_cancelled_import_stops(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the next chunk, and says by whom; what was staged is freed."""
    job = await controller.create_job()
    jobs = controller.jobs
    real = jobs.note_listed

    async def cancels(job_id: str, number: int, versions: Sequence[int]) -> None:
        await real(job_id, number, versions)
        if number == 2:
            await jobs.note_cancelled(job_id, "ann")
            await jobs.note_cancelled(job_id, "bob")

    monkeypatch.setattr(jobs, "note_listed", cancels)
    import_worker = controller.import_worker()
    await import_worker.start()
    progress = await controller.ended(job)
    await import_worker.close()
    assert (progress.state, progress.cancelled_by, progress.added) == ("failed", "ann", 60)
    assert progress.error.startswith("cancelled by ann: ")
    assert await jobs.chunk(job, 5) == []

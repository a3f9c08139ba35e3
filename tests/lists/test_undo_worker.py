"""The worker of undos: at whatever point its controller dies, another goes on until all is taken back."""

import asyncio
from typing import Any

import pytest
from tests.lists.entries import entry
from tests.support.eventually import eventually
from tests.support.stored_batches import list_batch

from edgeward.background import job_store, job_worker
from edgeward.lists import list_store as module
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.lists.undo_worker import UndoWorker
from edgeward.store.connection import Store


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undos of many steps, and workers that look for them all the time."""
    monkeypatch.setattr(module, "UNDO_CHUNK_SIZE", 10)
    monkeypatch.setattr(job_worker, "TICK_SECONDS", 0.05)


async def is_done(list_store: ListStore, act_id: str) -> bool:
    return bool((await list_store.acts.get(act_id)).done_at)


async def test_an_undo_is_carried_out(store: Store, list_store: ListStore, replica: Replica) -> None:
    """With who asked for it and why in the record of each change."""
    await list_store.add_entries([entry("a", n) for n in range(25)], "bob", "", "act-1")
    worker = UndoWorker(store, list_store, replica)
    await worker.start()
    await worker.begin("act-1", "ann", "a mistake")
    await eventually(lambda: is_done(list_store, "act-1"), "the undo")
    await worker.close()
    assert (await list_store.entries("a"))[0] == []
    removed = [change for change in await list_store.changes(0) if change.op == "entry.remove"]
    assert [(each.who, each.why) for each in removed] == [("ann", "a mistake")] * 25


@pytest.mark.parametrize("steps", [1, 3])
async def test_a_killed_worker_is_replaced(
    store: Store, list_store: ListStore, replica: Replica, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """A worker dies after some steps: another takes back the rest, and counts every entry once."""
    monkeypatch.setattr(job_store, "LEASE_SECONDS", 0.1)
    await list_store.add_entries([entry("a", n) for n in range(45)], "bob", "", "act-1")
    first_store = ListStore(store)
    undo_some, reached, calls = first_store.undo_some, asyncio.Event(), 0

    async def stops(*args: Any) -> tuple[bool, int]:
        nonlocal calls
        result = await undo_some(*args)
        calls += 1
        if calls == steps:
            reached.set()
            await asyncio.Event().wait()
        return result

    monkeypatch.setattr(first_store, "undo_some", stops)
    first, second = UndoWorker(store, first_store, replica), UndoWorker(store, list_store, replica)
    await first.start()
    await first.begin("act-1", "ann", "")
    await reached.wait()
    assert not await is_done(list_store, "act-1")
    await first.close()
    await second.start()
    await eventually(lambda: is_done(list_store, "act-1"), "the undo by the second worker")
    await second.close()
    assert (await list_store.entries("a"))[0] == []
    assert (await list_store.acts.get("act-1")).removed == 45


async def test_an_undo_of_nothing_ends(store: Store, list_store: ListStore, replica: Replica) -> None:
    """The undo of an act that is gone from the store, or undone already, ends at once. Nothing is left of an undo but
    the record of its act."""
    worker = UndoWorker(store, list_store, replica)
    await list_store.add_entries([entry("a", 1)], "bob", "", "act-1")
    await worker.start()
    for act_id in ("act-none", "act-1", "act-1"):
        await worker.begin(act_id, "ann", "")
    await eventually(lambda: is_done(list_store, "act-1"), "the undo")

    async def none_is_left() -> bool:
        return await store.redis.keys(store.key("{undos}", "*")) == [store.key("{undos}", "clock").encode()]

    await eventually(none_is_left, "the end of all undos")
    await worker.close()


async def test_batches_are_undone_once(
    store: Store, list_store: ListStore, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker dies after the first batch of an act: another undoes the second, and each entry is counted once. What
    another batch lists too stays. A batch that came meanwhile is taken into account."""
    monkeypatch.setattr(job_store, "LEASE_SECONDS", 0.1)
    await list_batch(list_store, [entry("a", number) for number in range(10)], act="act-1")
    await list_batch(list_store, [entry("a", number) for number in range(10, 15)], act="act-1")
    await list_store.add_entries([entry("a", 20)], "ann", "", "act-1")
    first_store = ListStore(store)
    undo, reached = first_store.batches.undo, asyncio.Event()

    async def stops(*args: Any) -> int:
        version = await undo(*args)
        reached.set()
        await asyncio.Event().wait()
        return version

    monkeypatch.setattr(first_store.batches, "undo", stops)
    first = UndoWorker(store, first_store, replica)
    await first.start()
    await first.begin("act-1", "bob", "")
    await reached.wait()
    await first.close()
    assert [batch.undone for batch in (await list_store.batches.get("a")).batches] == [False, True]
    # As an import would: it knows the row, and adds it.
    one = (await list_store.batches.get("a")).batches[0]
    (row,) = (await list_store.batches.data.find(one, [entry("a", 4).id])).values()
    undo_in_time = list_store.batches.undo

    async def too_late(*args: Any) -> int:
        monkeypatch.setattr(list_store.batches, "undo", undo_in_time)
        await list_batch(list_store, [], list="a", act="act-2", adds=[(one, [row[0].row])])
        return await undo_in_time(*args)

    monkeypatch.setattr(list_store.batches, "undo", too_late)
    second = UndoWorker(store, list_store, replica)
    await second.start()
    await eventually(lambda: is_done(list_store, "act-1"), "the undo by the second worker")
    await second.close()
    act = await list_store.acts.get("act-1")
    assert (act.removed, act.kept, act.rows, await list_store.acts.count_added(act)) == (15, 1, 15, 0)
    assert await replica.wait_version(act.version, 60.0)
    (left,) = replica.matcher.entries("a").values()
    assert (left.signal, left.act) == (entry("a", 4).signal, "act-2")
    changes = [change.op for change in await list_store.changes(0)]
    assert changes.count("list.batch_undo") == 2

"""A store that lost its data gets its lists back from the memory of a process."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.lists.entries import entries, entry, image
from tests.support.eventually import eventually
from tests.support.stored_batches import list_batch

from edgeward import metrics
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import refill_offer
from edgeward.lists.replication.refill import Refill, RefillRequest
from edgeward.lists.replication.replica import Replica
from edgeward.lists.replication.store_loss import ACCEPTED, REFILLED, AppliedListsFile
from edgeward.store.connection import Store
from edgeward.types import Change, HashList, ListKind, Mode


@pytest.fixture
async def holder(own: tuple[Store, ListStore, Replica]) -> AsyncIterator[Replica]:
    """The replica of `own`, with two lists and some entries, before the loss."""
    _, list_store, replica = own
    await list_store.create_list(HashList("b", ListKind.ALLOW, Mode.MONITOR, description="ours"), "ana", "asked for")
    await list_store.add_entries([entry("a", number) for number in range(1500)], "ana", "order 17")
    changes = await list_store.add_entries(entries(5, "b"), "bob")
    assert await replica.wait_version(changes[-1].version, 60)
    yield replica


async def loss_noticed(*replicas: Replica) -> None:
    await eventually(lambda: all(each.loss for each in replicas), "the loss is noticed")


async def refilled(store: Store, *replicas: Replica, who: str = "ana") -> None:
    """Ask the fullest process for a refill, and wait until all have the repaired lists."""
    refill = Refill(store)

    async def one_holds() -> bool:
        return any(holding.entries for holding in (await refill.holdings()).values())

    await eventually(one_holds, "a process offers what it holds")
    holdings = await refill.holdings()
    await refill.request(RefillRequest(max(holdings, key=lambda name: holdings[name].entries), who, "power cut"))
    await eventually(lambda: not any(each.loss for each in replicas), "the lists are back")


async def test_everything_comes_back_with_its_provenance(
    own: tuple[Store, ListStore, Replica], holder: Replica
) -> None:
    """After FLUSHALL lists, policies and entries are as before, and say who listed them, when and why."""
    store, list_store, _ = own
    before = {name: dict(holder.matcher.entries(name)) for name in ("a", "b")}
    lists, version = dict(holder.matcher.lists), holder.version
    await store.redis.flushall()
    await loss_noticed(holder)
    assert holder.loss and holder.loss.in_memory and (holder.loss.lists, holder.loss.entries) == (2, 1505)
    assert holder.ready and holder.matcher.verdict(image(entry("a", 7))).blocks
    await refilled(store, holder)
    assert {each.name: each for each in await list_store.lists()} == lists
    for name, known in before.items():
        assert {each.id: each async for chunk in list_store.scan(name) for each in chunk} == known
    assert await list_store.version() > version
    assert holder.ready


async def test_batches_come_back(own: tuple[Store, ListStore, Replica], holder: Replica) -> None:
    """After FLUSHALL the entries that came in batches are in the store again, and act in a process that starts then."""
    store, list_store, _ = own
    batch = await list_batch(list_store, entries(50), act="act-1")
    assert await holder.wait_version(batch.version, 60)
    listed = dict(holder.matcher.entries("a"))
    await store.redis.flushall()
    await loss_noticed(holder)
    assert holder.loss and holder.loss.entries == 1555
    await refilled(store, holder)
    record = await Refill(store).last()
    assert record and record.entries == 1555
    other = Replica(store, "other")
    await other.start()
    assert dict(other.matcher.entries("a")) == dict(holder.matcher.entries("a")) == listed
    await other.close()
    assert (await list_store.batches.get("a")).batches == [batch]


async def test_versions_never_come_again(own: tuple[Store, ListStore, Replica], holder: Replica) -> None:
    """Every version after the refill is above all that any process had applied, and every process acknowledges it."""
    store, list_store, _ = own
    version = holder.version
    await store.redis.flushall()
    await loss_noticed(holder)
    await refilled(store, holder)
    assert all(change.version > version for change in await list_store.changes(0))
    (change,) = await list_store.add_entries([entry("a", 9999)], "ana")
    assert await list_store.wait_applied(change.version, 60) == []


async def test_the_audit_trail_says_what_happened(own: tuple[Store, ListStore, Replica], holder: Replica) -> None:
    """A line says from whose memory, at which version, by whom and why."""
    store, list_store, _ = own
    await store.redis.flushall()
    await loss_noticed(holder)
    await refilled(store, holder)
    last = [change async for change in _all_changes(list_store)][-1]
    assert (last.op, last.who) == ("store.refill", "ana")
    assert last.why.startswith("refilled from memory by one#")
    assert "at version" in last.why and last.why.endswith("power cut")
    record = await Refill(store).last()
    assert record and (record.mode, record.lists, record.entries, record.version) == (REFILLED, 2, 1505, last.version)


async def _all_changes(list_store: ListStore) -> AsyncIterator[Change]:
    after = 0
    while changes := await list_store.changes(after):
        for change in changes:
            yield change
        after = changes[-1].version


@pytest.mark.parametrize("key", ["entries:a", "lists"])
async def test_a_part_that_is_gone_is_noticed_and_restored(
    own: tuple[Store, ListStore, Replica], holder: Replica, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """An eviction policy, or a hand, may remove any key of the store: what images are matched by comes back."""
    monkeypatch.setattr("edgeward.lists.replication.replica.COUNT_SECONDS", 0.05)
    store, list_store, _ = own
    holder._next_count, version = 0.0, holder.version
    await store.redis.delete(store.key("{blocklist}", *key.split(":")))
    await loss_noticed(holder)
    await refilled(store, holder)
    current, counts = await list_store.counts(["a", "b"])
    assert (counts, current > version) == ([1500, 5], True)
    (change,) = await list_store.add_entries([entry("a", 5000)], "ana")
    assert await holder.wait_version(change.version, 60)


@pytest.mark.parametrize("key", ["history", "changes", "version"])
async def test_other_parts_are_no_loss(own: tuple[Store, ListStore, Replica], holder: Replica, key: str) -> None:
    """No image is matched by the stream of changes, the version or the history's id: what is listed goes on acting."""
    store, list_store, _ = own
    await store.redis.delete(store.key("{blocklist}", key))
    (change,) = await list_store.add_entries([entry("a", 5000)], "ana")
    assert await holder.wait_version(change.version, 60)
    assert await list_store.wait_applied(change.version, 60) == []
    await eventually(lambda: holder.loss is None and holder.ready, "nothing is missing")
    assert len(holder.matcher.entries("a")) == 1501


async def test_the_fullest_memory_is_used(own: tuple[Store, ListStore, Replica], holder: Replica) -> None:
    """A process that started after the loss takes the lists over as soon as another has restored them."""
    store, list_store, _ = own
    await store.redis.flushall()
    await loss_noticed(holder)
    late = Replica(store, "late")
    await late.start()
    assert not late.matcher.lists
    await refilled(store, holder, late)
    await eventually(lambda: len(late.matcher.entries("a")) == 1500, "the other process has them")
    assert await list_store.wait_applied(await list_store.version(), 60) == []
    await late.close()


async def test_a_refill_that_broke_off_is_repeated(
    own: tuple[Store, ListStore, Replica], holder: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written stays, and the next try writes the rest."""
    store, list_store, _ = own
    add_entries, tries = ListStore.add_entries, []

    async def breaks_off(self: ListStore, *args: Any) -> object:
        tries.append(1)
        if len(tries) == 2:
            raise ConnectionError
        return await add_entries(self, *args)

    await store.redis.flushall()
    await loss_noticed(holder)
    monkeypatch.setattr(ListStore, "add_entries", breaks_off)
    await refilled(store, holder)
    assert len(tries) > 3
    _, counts = await list_store.counts(["a", "b"])
    assert counts == [1500, 5]


async def test_a_defect_in_a_refill_is_counted_and_the_refill_repeated(
    own: tuple[Store, ListStore, Replica], holder: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not lost in a task that nothing awaits."""
    store, _, _ = own
    write_back, tries = Refill.write_back, []

    async def fails_once(self: Refill, *args: Any) -> object:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError
        return await write_back(self, *args)

    def defects() -> float:
        return metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "replica"}) or 0.0

    before = defects()
    monkeypatch.setattr(refill_offer, "REFILL_RETRY_SECONDS", 0.1)
    await store.redis.flushall()
    await loss_noticed(holder)
    monkeypatch.setattr(Refill, "write_back", fails_once)
    await refilled(store, holder)
    assert (defects(), len(tries)) == (before + 1, 2)


async def test_an_accepted_loss_empties_every_process(own: tuple[Store, ListStore, Replica], holder: Replica) -> None:
    """Then the lists of the store alone count, and nothing is missing any more."""
    store, list_store, _ = own
    await store.redis.flushall()
    await loss_noticed(holder)
    await list_store.create_list(HashList("new"), "ana")
    await Refill(store).accept_loss("ana", "a new beginning", [holder.lost_history])
    await eventually(lambda: holder.loss is None, "the loss is accepted")
    assert set(holder.matcher.lists) == {"new"}
    assert not holder.matcher.verdict(image(entry("a", 7))).blocks
    record = await Refill(store).last()
    assert record and record.mode == ACCEPTED


class TestRestart:
    """A process that starts while the store lacks what its machine knew."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> AppliedListsFile:
        return AppliedListsFile(tmp_path / "applied-lists.json")

    async def test_it_is_not_a_first_start(
        self, own: tuple[Store, ListStore, Replica], holder: Replica, file: AppliedListsFile
    ) -> None:
        """It does not become ready before the lists are restored."""
        store, _, _ = own
        before = Replica(store, "before", applied_lists=file)
        await before.start()
        await before.close()
        await store.redis.flushall()
        await loss_noticed(holder)
        after = Replica(store, "after", applied_lists=file)
        await after.start()
        assert not after.ready
        assert after.loss and not after.loss.in_memory and after.loss.entries == 1505
        await refilled(store, holder, after)
        await eventually(lambda: after.ready, "ready")
        assert len(after.matcher.entries("a")) == 1500
        await after.close()

    async def test_an_accepted_loss_lets_it_start(
        self, own: tuple[Store, ListStore, Replica], file: AppliedListsFile
    ) -> None:
        """Where no process holds the lists any more, an operator may give them up; the next start knows."""
        store, list_store, replica = own
        await list_store.add_entries([entry("a", 1)], "ana")
        before = Replica(store, "before", applied_lists=file)
        await before.start()
        for each in (before, replica):
            await each.close()
        await store.redis.flushall()
        after = Replica(store, "after", applied_lists=file)
        await after.start()
        assert not after.ready
        await Refill(store).accept_loss("ana", "", [after.lost_history])
        await eventually(lambda: after.ready and after.loss is None, "ready")
        await after.close()
        again = Replica(store, "again", applied_lists=file)
        await again.start()
        assert again.ready and again.loss is None
        await again.close()

    async def test_a_first_start_and_removals_are_no_loss(
        self, own: tuple[Store, ListStore, Replica], file: AppliedListsFile
    ) -> None:
        """A new machine, and one that was off while entries and lists were removed, are ready at once."""
        store, list_store, _ = own
        await list_store.add_entries([entry("a", number) for number in range(3)], "ana")
        for _ in range(3):
            replica = Replica(store, "one", applied_lists=file)
            await replica.start()
            assert replica.ready and replica.loss is None
            await replica.close()
            entries_left, _ = await list_store.entries("a")
            await list_store.remove_entry("a", entries_left[0].id, "ana")

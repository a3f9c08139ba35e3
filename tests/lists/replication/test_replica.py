"""A replica: it loads, follows, reports, and lets nothing through that was acknowledged."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from tests.lists.entries import NEVER, entries, entry, image
from tests.support.eventually import eventually
from tests.support.list_entries import entry_count

from edgeward import metrics
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import replica as module
from edgeward.lists.replication.matcher_updates import MatcherUpdates
from edgeward.lists.replication.membership import LOADING, Membership, StoreHistory
from edgeward.lists.replication.replica import Replica
from edgeward.store.connection import Store
from edgeward.types import Action, Change, Entry, HashList, Mode, Signal


async def test_loads_what_is_there(store: Store, list_store: ListStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `start` every list and entry is there, at the version of the store."""
    monkeypatch.setattr("edgeward.lists.list_store.SCAN_COUNT", 50)
    many = entries(600)
    await list_store.add_entries(many, "me")
    await list_store.create_list(HashList("b", mode=Mode.MONITOR), "me")
    copy = Replica(store, "two")
    await copy.start()
    assert (copy.ready, copy.version) == (True, await list_store.version())
    assert set(copy.matcher.entries("a")) == {one.id for one in many}
    assert copy.matcher.lists == {one.name: one for one in await list_store.lists()}
    await copy.close()


async def test_follows_every_kind_of_change(list_store: ListStore, replica: Replica) -> None:
    """Each kind of change acts, and `on_change` is called for it, in order."""
    told: list[Change] = []
    replica.on_change.append(told.append)
    listed = entry("a", 1)
    made = await list_store.add_entries([listed], "me")
    assert await replica.wait_version(made[-1].version, 60)
    assert replica.matcher.verdict(image(listed)).blocks
    made.append(await list_store.set_list(HashList("a", action=Action.GONE), "me"))
    assert await replica.wait_version(made[-1].version, 60)
    assert replica.matcher.verdict(image(listed)).action is Action.GONE
    made.append(await list_store.remove_entry("a", listed.id, "me"))
    assert await replica.wait_version(made[-1].version, 60)
    assert not replica.matcher.verdict(image(listed)).blocks
    made += await list_store.add_entries(entries(600), "me")
    made.append(await list_store.delete_list("a", "me"))
    assert await replica.wait_version(made[-1].version, 60)
    assert not replica.matcher.lists
    assert not replica.matcher.entries("a")
    await eventually(lambda: len(told) == len(made), "all told")
    assert told == made


async def test_a_new_entry_acts_at_once(store: Store, list_store: ListStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every replica applies and reports it without waiting for its next heartbeat."""
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 60.0)
    copies = [Replica(store, f"copy {number}") for number in range(3)]
    for copy in copies:
        await copy.start()
    for one in entries(10):
        changes = await list_store.add_entries([one], "me")
        assert await list_store.wait_applied(changes[-1].version, 60) == []
        assert all(copy.matcher.verdict(image(one)).blocks for copy in copies)
    for copy in copies:
        await copy.close()


async def test_what_is_acknowledged_is_never_let_through(
    store: Store, list_store: ListStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While replicas come and go, each that is ready when an entry was acknowledged matches it."""
    copies: dict[int, Replica] = {}
    stopping = asyncio.Event()

    async def come_and_go(number: int) -> None:
        while not stopping.is_set():
            copy = copies[number] = Replica(store, f"copy {number}")
            await copy.start()
            await asyncio.sleep(0.01 * number)
            del copies[number]  # nothing is let through from here on
            await copy.close()

    monkeypatch.setattr("edgeward.lists.list_store.SCAN_COUNT", 50)
    await list_store.add_entries(entries(300), "me")
    tasks = [asyncio.create_task(come_and_go(number)) for number in range(4)]
    ready = listed = 0
    while listed < 30 or ready < 20:
        (one,) = entries(1)
        changes = await list_store.add_entries([one], "me")
        assert await list_store.wait_applied(changes[-1].version, 60) == []
        listed += 1
        ready += sum(copy.ready for copy in copies.values())
        assert all(copy.matcher.verdict(image(one)).blocks for copy in copies.values() if copy.ready)
    stopping.set()
    await asyncio.gather(*tasks)


async def test_it_sends_a_heartbeat_before_it_reads(
    store: Store, list_store: ListStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who lists something after a replica has read the version waits for that replica."""
    known: list[list[str]] = []
    original = ListStore.version

    async def version(self: ListStore) -> int:
        if self._store is store:  # not of another replica in this process
            known.append(await self.laggards(NEVER))
        return await original(self)

    monkeypatch.setattr(ListStore, "version", version)
    copy = Replica(store, "two")
    await copy.start()
    assert [len(names) for names in known] == [1]
    await copy.close()


async def test_it_is_ready_only_when_it_has_caught_up(
    store: Store, list_store: ListStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was listed after the snapshot was read acts from the moment that the replica is ready."""
    load_snapshot = MatcherUpdates.load_snapshot

    async def then_list_more(self: MatcherUpdates, keep_others: bool) -> None:
        await load_snapshot(self, keep_others)
        await list_store.add_entries([entry("a", 1)], "me")

    monkeypatch.setattr(MatcherUpdates, "load_snapshot", then_list_more)
    copy = Replica(store, "two")
    starting = asyncio.create_task(copy.start())
    while not copy.ready:
        assert not starting.done()
        await asyncio.sleep(0)
    assert copy.matcher.verdict(image(entry("a", 1))).blocks
    await starting
    await copy.close()


async def test_it_loads_what_is_listed_meanwhile(
    store: Store, list_store: ListStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that is made while a replica loads is applied before the replica is ready."""
    monkeypatch.setattr("edgeward.lists.list_store.SCAN_COUNT", 10)
    await list_store.add_entries(entries(200), "me")
    copy = Replica(store, "two")
    reading, go_on = _hold_first_page(monkeypatch)
    starting = asyncio.create_task(copy.start())
    page = await reading
    assert await list_store.laggards(NEVER)
    changes = await list_store.add_entries([entry("a", 1)], "me")
    await list_store.remove_entry("a", page[0].id, "me")
    assert not copy.ready
    go_on.set()
    assert await list_store.wait_applied(changes[-1].version, 60) == []
    assert not copy.ready or copy.matcher.verdict(image(entry("a", 1))).blocks
    await starting
    assert copy.matcher.verdict(image(entry("a", 1))).blocks
    assert len(copy.matcher.entries("a")) == await entry_count(list_store, "a") == 200
    await copy.close()


def _hold_first_page(monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Future[list[Entry]], asyncio.Event]:
    """Let a scan of a list stop after its first entries, which are the result of the future, until the event is set."""
    reading: asyncio.Future[list[Entry]] = asyncio.get_running_loop().create_future()
    go_on = asyncio.Event()
    scan = ListStore.scan

    async def held(self: ListStore, list_name: str) -> AsyncIterator[list[Entry]]:
        async for page in scan(self, list_name):
            if not reading.done():
                reading.set_result(page)
            await go_on.wait()
            yield page

    monkeypatch.setattr(ListStore, "scan", held)
    return reading, go_on


async def test_a_closed_replica_is_not_waited_for(list_store: ListStore, replica: Replica) -> None:
    """After `close` it lags behind nothing."""
    assert len(await list_store.laggards(NEVER)) == 1
    await replica.close()
    assert await list_store.laggards(NEVER) == []


async def test_two_replicas_may_have_one_name(store: Store, list_store: ListStore, replica: Replica) -> None:
    """The second neither reports nor leaves in the first one's place."""
    twin = Replica(store, "one")
    await twin.start()
    assert len(await list_store.laggards(NEVER)) == 2
    await twin.close()
    assert len(await list_store.laggards(NEVER)) == 1


async def test_waiting_for_a_version(list_store: ListStore, replica: Replica) -> None:
    """The wait ends with the version, or after its time without it."""
    version = replica.version
    assert await replica.wait_version(version, 0)
    assert not await replica.wait_version(version + 1, 0.05)
    waiting = asyncio.create_task(replica.wait_version(version + 1, 60))
    await list_store.add_entries([entry("a", 1)], "me")
    assert await waiting


async def test_metrics(list_store: ListStore, replica: Replica) -> None:
    """Entries by list and type, version and last contact are exported; a type without entries counts 0."""

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"edgeward_blocklist_{name}", labels)

    changes = await list_store.add_entries([*entries(3), entry("a", 1)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    assert value("entries", list="a", signal="pdq") == 3
    assert value("entries", list="a", signal="sha256") == 1
    assert value("version") == replica.version
    assert value("contact_timestamp_seconds") == pytest.approx(time.time(), abs=60)
    change = await list_store.delete_list("a", "me")
    assert await replica.wait_version(change.version, 60)
    assert value("entries", list="a", signal="pdq") == 0


async def test_an_entry_that_can_not_match_is_skipped(
    store: Store, list_store: ListStore, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    """An entry whose value is not hexadecimal is named in the log, and the entries after it act."""
    bad = Entry("a", Signal("pdq", "x" * 64))
    await list_store.add_entries([bad], "me")
    changes = await list_store.add_entries([entry("a", 1)], "me")
    assert await list_store.wait_applied(changes[-1].version, 60) == []
    assert replica.matcher.verdict(image(entry("a", 1))).blocks
    assert bad.id in caplog.text
    copy = Replica(store, "two")
    await copy.start()
    assert copy.ready
    await copy.close()


async def test_a_defect_does_not_end_it(
    list_store: ListStore, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback that raises is logged and counted; the replica loads again and goes on following."""

    def fail(change: Change) -> None:
        replica.on_change.clear()
        raise RuntimeError("deliberate")

    replica.on_change.append(fail)
    before = metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "replica"}) or 0
    await list_store.add_entries([entry("a", 1)], "me")
    changes = await list_store.add_entries([entry("a", 2)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    assert replica.matcher.verdict(image(entry("a", 2))).blocks
    assert "deliberate" in caplog.text
    assert metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "replica"}) == before + 1


async def test_sends_heartbeats_during_long_work(
    store: Store, list_store: ListStore, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease does not run out during a long load: heartbeats are sent between its slices."""
    reports: list[int] = []
    heartbeat = Membership.heartbeat

    async def counted(self: Membership, name: str, reported: int, **more: int) -> StoreHistory:
        reports.append(reported)
        return await heartbeat(self, name, reported, **more)

    changes = await list_store.add_entries(entries(1000), "me")
    assert await list_store.wait_applied(changes[-1].version, 60) == []
    monkeypatch.setattr(Membership, "heartbeat", counted)
    monkeypatch.setattr(module, "LOADING_HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr("edgeward.lists.list_store.SCAN_COUNT", 100)
    copy = Replica(store, "two")
    await copy.start()
    assert reports.count(LOADING) >= 5
    await copy.close()


async def test_heartbeats_during_a_batch_find_no_loss(
    store: Store, list_store: ListStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A heartbeat in the middle of several changes names the version that is applied then, and the time of that one."""
    monkeypatch.setattr("edgeward.lists.replication.matcher_updates.SLICE", 10)
    await list_store.create_list(HashList("b"), "me")
    await list_store.add_entries(entries(200, "b"), "me")
    copy = Replica(store, "two")
    await copy.start()
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.0)
    hold = asyncio.Event()
    apply = MatcherUpdates.apply

    async def held(self: MatcherUpdates, change: Change) -> None:
        await hold.wait()
        await apply(self, change)

    monkeypatch.setattr(MatcherUpdates, "apply", held)
    await list_store.add_entries([entry("a", 1)], "me")
    await list_store.add_entries([entry("a", 2)], "me")
    change = await list_store.delete_list("b", "me")
    hold.set()
    assert await copy.wait_version(change.version, 60)
    assert "lost" not in caplog.text
    await copy.close()


async def test_changes_during_a_heartbeat_are_no_loss(
    list_store: ListStore, replica: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A change that is applied while the store answers does not make its answer look like another history."""
    heartbeat = Membership.heartbeat
    answered, arrives = asyncio.Event(), asyncio.Event()

    async def slow(self: Membership, name: str, reported: int, **more: int) -> StoreHistory:
        history = await heartbeat(self, name, reported, **more)
        answered.set()
        await arrives.wait()
        return history

    changes = await list_store.add_entries([entry("a", 1)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    monkeypatch.setattr(Membership, "heartbeat", slow)
    # Private: the task that follows the changes and the one that reports rarely meet so by themselves.
    sending = asyncio.create_task(replica._heartbeat())
    await asyncio.wait_for(answered.wait(), 60)
    for number in range(5):
        await replica._apply(await list_store.add_entries([entry("a", 2 + number)], "me"))
    arrives.set()
    await sending
    assert "lost" not in caplog.text
    assert replica.ready

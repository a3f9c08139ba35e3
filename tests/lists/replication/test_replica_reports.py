"""What a replica reports: a version only when all that came of older ones is in the store."""

import asyncio
from pathlib import Path

from tests.support.eventually import eventually

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.freshness import Freshness, now
from edgeward.lists.replication.membership import HEARTBEAT_SECONDS
from edgeward.lists.replication.replica import Replica
from edgeward.lists.replication.unjudged_report import UnjudgedReport
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, Signal


async def test_a_version_is_reported_after_the_flush(store: Store) -> None:
    """It acts at once, and is reported when `before_report` has ended; meanwhile the replica sends heartbeats."""
    list_store, replica, flushed = ListStore(store), Replica(store, "one"), asyncio.Event()

    async def flush() -> None:
        await flushed.wait()

    await list_store.create_list(HashList("a"), "me")
    await replica.start()
    replica.before_report = flush
    (change,) = await list_store.add_entries([Entry("a", Signal("md5", "1" * 32))], "me")
    assert await replica.wait_version(change.version, 60)
    applied_at = now()
    await eventually(
        lambda: now() - replica.freshness.contact_age > applied_at + HEARTBEAT_SECONDS, "another heartbeat"
    )
    left = await list_store.laggards(change.version)
    assert len(left) == 1
    assert left[0].startswith("one#")
    flushed.set()
    assert await list_store.wait_applied(change.version, 60) == []
    await replica.close()


async def test_changes_during_a_flush_are_reported_too(store: Store) -> None:
    """A change that is applied while the report of another one waits is not forgotten."""
    list_store, replica, flushed = ListStore(store), Replica(store, "one"), asyncio.Event()
    versions: list[int] = []

    async def flush() -> None:
        versions.append(replica.version)
        await flushed.wait()

    await list_store.create_list(HashList("a"), "me")
    replica.before_report = flush
    await replica.start()
    for digit in "123":
        (change,) = await list_store.add_entries([Entry("a", Signal("md5", digit * 32))], "me")
        assert await replica.wait_version(change.version, 60)
    assert versions == [1]
    flushed.set()
    assert await list_store.wait_applied(change.version, 60) == []
    assert versions == [1, change.version]
    await replica.close()


async def test_a_flush_request_is_acknowledged_after_the_flush(store: Store) -> None:
    """Each request is, also if no list changes, and also if it comes while another one is carried out."""
    list_store, replica, flushed = ListStore(store), Replica(store, "one"), asyncio.Event()
    flushing = asyncio.Event()

    async def flush() -> None:
        flushing.set()
        await flushed.wait()

    await replica.start()
    replica.before_report = flush
    first = asyncio.create_task(list_store.wait_flushed(60))
    await asyncio.wait_for(flushing.wait(), 60)
    assert [name.partition("#")[0] for name in await list_store.wait_flushed(0)] == ["one"]
    assert not first.done()
    flushed.set()
    assert await first == []
    assert await list_store.wait_flushed(60) == []
    await replica.close()


async def test_a_replica_with_nothing_to_flush_acknowledges_at_once(store: Store) -> None:
    """A replica that only reads the lists delays no flush request; nor does one that has left."""
    list_store, replica = ListStore(store), Replica(store, "one")
    assert await list_store.wait_flushed(60) == []
    await replica.start()
    assert await list_store.wait_flushed(60) == []
    await replica.close()
    assert await list_store.wait_flushed(0) == []


async def test_what_is_unjudged_holds_back_nothing_else(store: Store) -> None:
    """A process that has responses to judge reports versions and flushes at once, and says how many it has to judge."""
    list_store, replica, settled = ListStore(store), Replica(store, "one"), asyncio.Event()

    async def settle() -> None:
        await settled.wait()

    replica.settle, replica.unjudged = settle, lambda: UnjudgedReport(3)
    await replica.start()
    change = await list_store.create_list(HashList("a"), "me")
    assert await list_store.wait_applied(change.version, 60) == []
    waiting = asyncio.create_task(list_store.wait_judged(60))
    assert await list_store.wait_flushed(60) == []
    assert await list_store.wait_judged(0.2) == 3
    assert not waiting.done()
    settled.set()
    assert await waiting == 0
    await replica.close()


async def test_what_is_stuck_is_not_said_to_be_judged(store: Store) -> None:
    """A process that has settled all but that says so, and who waits is told at once. Once it has none any more all is
    judged that was unjudged then."""
    list_store, replica, report = ListStore(store), Replica(store, "one"), UnjudgedReport(3, stuck=2)

    async def settle() -> None:
        pass

    replica.settle, replica.unjudged = settle, lambda: report
    await replica.start()
    left = await list_store.wait_judged_by_each(600)
    assert ([*left.values()], left.is_stuck) == ([2], True)
    report = UnjudgedReport(1, stuck=0)
    assert await list_store.wait_judged(60) == 0
    await replica.close()


async def test_catching_up(store: Store, tmp_path: Path) -> None:
    """What was acknowledged during a silence is applied; if the store does not answer the result is False."""
    list_store, replica = ListStore(store), Replica(store, "one")
    await replica.start()
    changes = [await list_store.create_list(HashList(f"list{number}"), "me") for number in range(50)]
    replica.freshness = Freshness()  # as after a long silence
    assert await replica.wait_current()
    assert replica.version == changes[-1].version
    await replica.close()
    nowhere = Store(f"unix://{tmp_path}/nowhere", "x", 100)
    assert not await Replica(nowhere, "two").wait_current()
    await nowhere.close()

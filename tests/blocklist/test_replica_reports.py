"""What a replica reports: a version only when all that came of older ones is on record."""

import asyncio
from pathlib import Path

from tests.blocklist.entries import until

from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.blocklist.rollcall import BEAT_SECONDS
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, Signal


async def test_a_version_is_reported_after_what_came_before_is_on_record(store: Store) -> None:
    """It acts at once, and is said to be applied when `before_report` has ended; meanwhile the replica is alive."""
    catalogue, replica, on_record = Catalogue(store), Replica(store, "one"), asyncio.Event()

    async def wait() -> None:
        await on_record.wait()

    await catalogue.create_list(HashList("staff"), "me")
    await replica.start()
    replica.before_report = wait
    (change,) = await catalogue.add_entries([Entry("staff", Signal("md5", "1" * 32))], "me")
    assert await replica.wait_version(change.version, 60)
    called = replica.contact
    await until("it goes on calling in", lambda: replica.contact > called + BEAT_SECONDS)
    left = await catalogue.laggards(change.version)
    assert len(left) == 1
    assert left[0].startswith("one#")
    on_record.set()
    assert await catalogue.wait_applied(change.version, 60) == []
    await replica.close()


async def test_changes_during_a_report_are_reported_too(store: Store) -> None:
    """A change that is applied while the report of another waits is not forgotten."""
    catalogue, replica, on_record = Catalogue(store), Replica(store, "one"), asyncio.Event()
    reports: list[int] = []

    async def wait() -> None:
        reports.append(replica.version)
        await on_record.wait()

    await catalogue.create_list(HashList("staff"), "me")
    replica.before_report = wait
    await replica.start()
    for digit in "123":
        (change,) = await catalogue.add_entries([Entry("staff", Signal("md5", digit * 32))], "me")
        assert await replica.wait_version(change.version, 60)
    assert reports == [1]
    on_record.set()
    assert await catalogue.wait_applied(change.version, 60) == []
    assert reports == [1, change.version]
    await replica.close()


async def test_a_question_is_answered_when_all_is_on_record(store: Store) -> None:
    """Each is, also where nothing is listed, and where one came while another was being answered."""
    catalogue, replica, on_record = Catalogue(store), Replica(store, "one"), asyncio.Event()
    asked = asyncio.Event()

    async def wait() -> None:
        asked.set()
        await on_record.wait()

    await replica.start()
    replica.before_report = wait
    first = asyncio.create_task(catalogue.wait_recorded(60))
    await asyncio.wait_for(asked.wait(), 10)
    assert [name.partition("#")[0] for name in await catalogue.wait_recorded(0)] == ["one"]
    assert not first.done()
    on_record.set()
    assert await first == []
    assert await catalogue.wait_recorded(60) == []
    await replica.close()


async def test_who_has_nothing_to_record_answers_at_once(store: Store) -> None:
    """One that only reads the lists, and nobody at all."""
    catalogue, replica = Catalogue(store), Replica(store, "one")
    assert await catalogue.wait_recorded(60) == []
    await replica.start()
    assert await catalogue.wait_recorded(60) == []
    await replica.close()
    assert await catalogue.wait_recorded(0) == []


async def test_catching_up(store: Store, tmp_path: Path) -> None:
    """All that the store holds at that moment is applied; where it can't be asked the answer is no."""
    catalogue, replica = Catalogue(store), Replica(store, "one")
    await replica.start()
    changes = [await catalogue.create_list(HashList(f"list{number}"), "me") for number in range(50)]
    assert await replica.catch_up(10)
    assert replica.version == changes[-1].version
    await replica.close()
    nowhere = Store(f"unix://{tmp_path}/nowhere", "x", 100)
    assert not await Replica(nowhere, "two").catch_up(0.5)
    await nowhere.close()

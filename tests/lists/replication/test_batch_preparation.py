"""The files of batches are got ready: by one process of a machine, from the store."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.lists.entries import entry
from tests.support.batches import packed_batch
from tests.support.eventually import eventually
from tests.support.logs import own_messages
from tests.support.stored_batches import list_batch

from edgeward.errors import StoreUnavailable, Unavailable
from edgeward.lists.batches.announcements import Announcements, NotPrepared
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import batch_preparation as module
from edgeward.lists.replication.batch_preparation import BatchPreparation
from edgeward.lists.replication.replica import Replica
from edgeward.matching.batches import write_files
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.store.connection import Store
from edgeward.types import Batch


async def between() -> None:
    await asyncio.sleep(0)


@pytest.fixture
def prepared(store: Store, list_store: ListStore, tmp_path: Path) -> Callable[[str], BatchPreparation]:
    """A preparation for a replica of this name; all of one machine."""
    return lambda name: BatchPreparation(name, BatchFiles(tmp_path), store, list_store.membership, between)


async def test_one_process_of_a_machine_builds(
    prepared: Callable[[str], BatchPreparation], list_store: ListStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait for it."""
    batch = await list_batch(list_store, [entry(number=number) for number in range(5)])
    started = 0
    real = asyncio.create_subprocess_exec

    async def counted(*args: object, **options: object) -> object:
        nonlocal started
        started += write_files.__name__ in args
        return await real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", counted)
    several = [prepared(name) for name in ("one", "two", "three")]
    await asyncio.gather(*(each.ensure([batch]) for each in several))
    assert started == 1
    assert all(each.files.has(batch.id) and each.progress is None for each in several)


async def test_what_the_store_lacks_is_an_error(
    prepared: Callable[[str], BatchPreparation], list_store: ListStore
) -> None:
    """Nothing of the batch is left, and the next try succeeds if it is back."""
    batch, data = packed_batch([entry(number=number) for number in range(5)])
    one = prepared("one")
    with pytest.raises(StoreUnavailable, match="lacks the data of the batch"):
        await one.ensure([batch])
    await list_store.batches.data.write(batch.id, list(data.items())[:1])
    with pytest.raises(Unavailable, match="has failed"):
        await one.ensure([batch])
    assert not one.files.has(batch.id)
    await list_store.batches.data.write(batch.id, data.items())
    await one.ensure([batch])
    assert one.files.has(batch.id)


async def test_an_announced_batch_is_got_ready(store: Store, list_store: ListStore, replica: Replica) -> None:
    """By a replica that runs, before the batch is committed; one that was given up is not."""
    batch, data = packed_batch([entry(number=number) for number in range(5)], by="me", at=1.0)
    announcements = Announcements(store, list_store.membership)
    await announcements.announce(packed_batch([entry(number=9)], by="me", at=1.0)[0])
    await list_store.batches.data.write(batch.id, data.items())
    await announcements.announce(batch)
    assert await announcements.wait_ready(batch.id) == []
    assert replica.preparation.files.has(batch.id)
    assert len(replica.matcher.batches("a")) == 0


async def test_a_builder_that_is_killed_is_started_again(
    store: Store, list_store: ListStore, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So whoever waits for the batch waits no longer than that takes; if it always fails he learns why."""
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    failures = 2
    real = BatchPreparation._build

    async def fails(self: BatchPreparation, batch: Batch) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise Unavailable("it was killed")
        await real(self, batch)

    monkeypatch.setattr(BatchPreparation, "_build", fails)
    announcements = Announcements(store, list_store.membership)

    async def announced(number: int) -> list[str]:
        batch, data = packed_batch([entry(number=number)], by="me", at=1.0)
        await list_store.batches.data.write(batch.id, data.items())
        await announcements.announce(batch)
        return await announcements.wait_ready(batch.id)

    assert await announced(1) == []
    failures = 1000
    with pytest.raises(NotPrepared, match="it was killed"):
        await announced(2)


async def test_a_replica_that_starts_builds_what_is_missing(store: Store, list_store: ListStore) -> None:
    """And serves before, if that takes longer than it may wait."""
    await list_batch(list_store, [entry(number=number) for number in range(5)])
    late = Replica(store, "late")
    late.start_seconds = 0.0
    await late.start()
    assert not late.ready
    await eventually(lambda: late.ready)
    assert len(late.matcher.batches("a")) == 5
    await late.close()


async def test_a_directory_that_can_not_be_written_to_is_named(
    store: Store, list_store: ListStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By a replica that goes on with the lists that it has, and follows once it can write."""
    directory = tmp_path / "batches"
    directory.write_text("")
    one = Replica(store, "one", batch_files=BatchFiles(directory))
    await one.start()
    version = await list_store.version()
    await list_batch(list_store, [entry(number=number) for number in range(5)])
    await eventually(lambda: any(f"can't be written to {directory}: " in text for text in own_messages(caplog)))
    assert (one.ready, one.version) == (True, version)
    assert not any("store is unavailable" in text for text in own_messages(caplog))
    directory.unlink()
    await eventually(lambda: len(one.matcher.batches("a")) == 5)
    await one.close()

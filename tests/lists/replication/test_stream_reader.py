"""Reading changes, flush requests and announcements with one command."""

from collections.abc import AsyncIterator

import pytest
from tests.lists.entries import entry

from edgeward.lists.batches.announcements import Announcements
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.stream_reader import StreamReader
from edgeward.store.connection import Store
from edgeward.types import Batch


@pytest.fixture
async def reader(store: Store, list_store: ListStore) -> AsyncIterator[StreamReader]:
    one = StreamReader(store, list_store.stream, list_store.membership.flush_requests)
    yield one
    await one.close()


async def test_changes_are_read_from_a_version_on(reader: StreamReader, list_store: ListStore) -> None:
    """In order, some at a time; the last version that was read is the caller's business."""
    version = await list_store.version()
    await list_store.add_entries([entry(number=number) for number in range(5)], "me")
    first, _ = await reader.read(version, 3)
    second, _ = await reader.read(first[-1].version, 3)
    assert [change.version for change in [*first, *second]] == list(range(version + 1, version + 6))


async def test_an_announcement_is_read_once(reader: StreamReader, store: Store, list_store: ListStore) -> None:
    """Also one that was made before the reader."""
    announcements = Announcements(store, list_store.membership)
    await announcements.announce(Batch("b1", "a", "me", 1.0))
    changes, announced = await reader.read(await list_store.version(), 10)
    assert (changes, [batch.id for batch in announced]) == ([], ["b1"])
    await announcements.announce(Batch("b2", "a", "me", 1.0))
    _, announced = await reader.read(await list_store.version(), 10)
    assert [batch.id for batch in announced] == ["b2"]


async def test_a_flush_request_tells_its_version(reader: StreamReader, list_store: ListStore) -> None:
    """The latest of several counts."""
    await list_store.membership.request_flush()
    latest = await list_store.membership.request_flush()
    await reader.read(await list_store.version(), 10)
    assert reader.flush_request == latest.encode() if isinstance(latest, str) else latest
    assert reader.flush_version == await list_store.version()

"""A list store and a replica of it; the same on a server that a test may kill."""

from collections.abc import AsyncIterator

import pytest
from tests.store.conftest import server as server
from tests.store.server import Server

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import membership
from edgeward.lists.replication.replica import Replica
from edgeward.store.connection import Store
from edgeward.types import HashList


@pytest.fixture(autouse=True)
def _long_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test or a server that stands still for a while makes no replica count as dead."""
    monkeypatch.setattr(membership, "LEASE_SECONDS", 60.0)


@pytest.fixture
async def list_store(store: Store) -> ListStore:
    """One that has the list "a"."""
    one = ListStore(store)
    await one.create_list(HashList("a"), "me")
    return one


@pytest.fixture
async def replica(store: Store, list_store: ListStore) -> AsyncIterator[Replica]:
    """A loaded replica of `list_store`."""
    one = Replica(store, "one")
    await one.start()
    assert one.ready
    yield one
    await one.close()


@pytest.fixture
async def own(server: Server) -> AsyncIterator[tuple[Store, ListStore, Replica]]:
    """The same on a server that the test may kill."""
    store = await Store.connect(server.url)
    list_store = ListStore(store)
    await list_store.create_list(HashList("a"), "me")
    replica = Replica(store, "one")
    await replica.start()
    yield store, list_store, replica
    await replica.close()
    await store.close()

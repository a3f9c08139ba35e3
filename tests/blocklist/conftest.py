"""A catalogue and a replica of it; the same on a store that a test may kill."""

from collections.abc import AsyncIterator

import pytest
from tests.store.conftest import server as server
from tests.store.server import Server

from edgeward.blocklist import rollcall
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.store.connection import Store
from edgeward.types import HashList


@pytest.fixture(autouse=True)
def _lasting_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test or a store that stands still for a while makes no replica count as dead."""
    monkeypatch.setattr(rollcall, "LEASE_SECONDS", 60.0)


@pytest.fixture
async def catalogue(store: Store) -> Catalogue:
    """A catalogue that has the list "a"."""
    one = Catalogue(store)
    await one.create_list(HashList("a"), "me")
    return one


@pytest.fixture
async def replica(store: Store, catalogue: Catalogue) -> AsyncIterator[Replica]:
    """A loaded copy of it."""
    one = Replica(store, "one")
    await one.start()
    assert one.ready
    yield one
    await one.close()


@pytest.fixture
async def own(server: Server) -> AsyncIterator[tuple[Store, Catalogue, Replica]]:
    """The same on a store that the test may kill."""
    store = await Store.connect(server.url)
    catalogue = Catalogue(store)
    await catalogue.create_list(HashList("a"), "me")
    replica = Replica(store, "one")
    await replica.start()
    yield store, catalogue, replica
    await replica.close()
    await store.close()

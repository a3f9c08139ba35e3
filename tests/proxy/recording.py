"""A recorder on a store of its own, with lists, retromatching and all that it writes to."""

import time
from collections.abc import AsyncIterator

import pytest
from tests.support.eventually import eventually
from tests.support.real_caches import image, target

from edgeward.background import write_buffer
from edgeward.incidents import Incidents
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.proxy import recorder as module
from edgeward.proxy.recorder import Recorder
from edgeward.purging.orders import Orders
from edgeward.retromatch.worker import RetromatchWorker
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Change, Entry, HashList, Sighting, Signal


class Bench:
    """A recorder and what it writes to, on a store of its own."""

    def __init__(self, store: Store) -> None:
        settings = SightingsSettings()
        self.list_store, self.replica = ListStore(store), Replica(store, "proxy")
        self.sightings, self.orders, self.incidents = Sightings(store, settings), Orders(store), Incidents(store)
        self.retromatch = RetromatchWorker(store, self.replica, self.sightings, self.orders)
        self.recorder = Recorder(self.sightings, self.orders, self.replica, settings, self.incidents)

    async def list_image(self, name: str, on: str = "bad") -> Change:
        signal = Signal("sha256", image(name).sha256)
        (change,) = await self.list_store.add_entries([Entry(on, signal)], "tester")
        assert await self.replica.wait_version(change.version, 60)
        return change

    def sighting(self, path: str, name: str, version: int | None = None) -> Sighting:
        at = self.replica.version if version is None else version
        return Sighting(target(path), image(name), time.time(), at)


@pytest.fixture
async def bench(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(module, "ORDER_SECONDS", 600.0)
    monkeypatch.setattr(write_buffer, "CLOSE_SECONDS", 60.0)
    bench = Bench(store)
    await bench.list_store.create_list(HashList("bad"), "tester")
    await bench.replica.start()
    await bench.retromatch.start()
    await bench.recorder.start()
    yield bench
    await bench.recorder.close()
    await bench.retromatch.close()
    await bench.replica.close()


async def orders_by_retromatch(bench: Bench, change: Change) -> list[str]:
    """The orders that follow from a change, once it is matched against all sightings."""

    async def matched() -> bool:
        return await bench.retromatch.orders_of(change.version) is not None

    await eventually(matched)
    return await bench.retromatch.orders_of(change.version) or []

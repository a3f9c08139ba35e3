"""What tests of retromatching work with, on the store of a test."""

import time

from tests.support.eventually import eventually
from tests.support.real_caches import target

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.purging.orders import Orders
from edgeward.retromatch.worker import RetromatchWorker
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Change, Entry, Fingerprint, PurgeOrder, Sighting, Signal


class Bench:
    """A retromatch worker, not started, and what it works with."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.list_store, self.replica = ListStore(store), Replica(store, "controller")
        self.sightings, self.orders = Sightings(store, SightingsSettings()), Orders(store)
        self.retromatch = self.another("one")

    def another(self, consumer: str, tags: bool = False) -> RetromatchWorker:
        """The worker of one more controller."""
        return RetromatchWorker(self.store, self.replica, self.sightings, self.orders, consumer, tags)

    async def see(self, path: str, fingerprint: Fingerprint) -> None:
        await self.sightings.write([Sighting(target(path), fingerprint, time.time(), 0)])

    async def add(self, signal: Signal, on: str = "bad") -> Change:
        return (await self.list_store.add_entries([Entry(on, signal)], "tester", "reason"))[0]

    async def orders_of(self, change: Change) -> list[PurgeOrder]:
        """The orders that a change led to, once it is matched."""
        await eventually(lambda: self.is_matched(change.version))
        return [order for order, _ in await self.orders.get_many(await self.retromatch.orders_of(change.version) or [])]

    async def is_matched(self, version: int) -> bool:
        return await self.retromatch.orders_of(version) is not None

    async def paths(self, change: Change) -> list[str]:
        return sorted(order.target.path for order in await self.orders_of(change))

"""What a controller needs for takedowns, on the store of a test."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.eventually import eventually

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.purging.orders import Orders
from edgeward.retromatch.worker import RetromatchWorker
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.takedowns.scope import TakedownScope
from edgeward.takedowns.steps import TakedownSteps
from edgeward.takedowns.takedowns import Takedown, TakedownProgress, Takedowns
from edgeward.takedowns.worker import TakedownWorker
from edgeward.types import Fingerprint, PurgeOrder, Sighting, Target

KEEP_SECONDS = 3600.0


class Controller:
    """One controller. Its workers are not started: see `open_controller`."""

    def __init__(self, store: Store, tags: bool = False) -> None:
        self.list_store, self.replica = ListStore(store), Replica(store, f"controller{id(self)}")
        self.sightings, self.orders = Sightings(store, SightingsSettings()), Orders(store)
        self.retromatch = RetromatchWorker(store, self.replica, self.sightings, self.orders, f"controller{id(self)}")
        self.takedowns, self.scope = Takedowns(store), TakedownScope(self.sightings, self.retromatch)
        self.steps = TakedownSteps(self.takedowns, self.scope, self.orders, self.list_store, self.retromatch, tags)
        self.takedown_worker = TakedownWorker(self.takedowns, self.steps, self.orders, KEEP_SECONDS)

    async def see(self, url: str, image: Fingerprint, **vary: str) -> Target:
        """Write a sighting of the image."""
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        target = Target(scheme, host, slash + path, tuple(vary.items()))
        await self.sightings.write([Sighting(target, image, time.time(), 0)])
        return target

    async def place(self, takedown: Takedown) -> list[PurgeOrder]:
        """Do the steps of a takedown here, one by one. Returns its orders."""
        ids = [order_id for step in self.steps.plan(takedown) async for some in step() for order_id in some]
        return [order for order, _ in await self.orders.get_many(ids)]

    async def finished(self, takedown_id: str) -> TakedownProgress:
        """Wait until a worker, of whichever controller, has placed all orders of a takedown."""

        async def is_finished() -> bool:
            return bool((await self.takedowns.get(takedown_id))[1].placed_at)

        await eventually(is_finished, f"{takedown_id} is finished")
        return (await self.takedowns.get(takedown_id))[1]


@asynccontextmanager
async def open_controller(store: Store, tags: bool = False) -> AsyncIterator[Controller]:
    """A controller whose replica and retromatch worker run. Its takedown worker is not started, but closed."""
    controller = Controller(store, tags)
    await controller.replica.start()
    await controller.retromatch.start()
    try:
        yield controller
    finally:
        await controller.takedown_worker.close()
        await controller.retromatch.close()
        await controller.replica.close()


def make_takedown(takedown_id: str = "td-1", **what: Any) -> Takedown:
    """A takedown that ana asks for now."""
    return Takedown(by="ana", way="api", at=time.time(), why="case 9", id=takedown_id, **what)


def urls_of(orders: list[PurgeOrder]) -> list[str]:
    return [order.target.url for order in orders]

"""Everything that takedowns work with, on the store of a test."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.config import SightingsSettings
from edgeward.store.connection import Store
from edgeward.takedown.backwards.retro import Retro
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.removals.parts import Parts
from edgeward.takedown.removals.placer import Placer
from edgeward.takedown.removals.reach import Reach
from edgeward.takedown.removals.takedowns import Progress, Takedown, Takedowns
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Fingerprint, PurgeOrder, Sighting, Target

KEEP_SECONDS = 3600.0


class Desk:
    """One controller's part in takedowns. `placer` is not started."""

    def __init__(self, store: Store, tags: bool = False) -> None:
        self.catalogue, self.replica = Catalogue(store), Replica(store, f"controller{id(self)}")
        self.sightings, self.orders = Sightings(store, SightingsSettings()), Orders(store)
        self.retro = Retro(store, self.replica, self.sightings, self.orders, f"retro{id(self)}")
        self.takedowns, self.reach = Takedowns(store), Reach(self.sightings, self.retro)
        self.parts = Parts(self.takedowns, self.reach, self.orders, self.catalogue, self.retro, tags)
        self.placer = Placer(self.takedowns, self.parts, self.orders, KEEP_SECONDS)

    async def see(self, url: str, image: Fingerprint, **vary: str) -> Target:
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        target = Target(scheme, host, slash + path, tuple(vary.items()))
        await self.sightings.write([Sighting(target, image, time.time(), 0)])
        return target

    async def placed(self, takedown: Takedown) -> list[PurgeOrder]:
        """The orders of a takedown, carried out here part by part."""
        ids = [order_id for part in self.parts.of(takedown) async for some in part() for order_id in some]
        return [order for order, _ in await self.orders.of(ids)]

    async def finished(self, takedown_id: str, seconds: float = 15.0) -> Progress:
        """How far a takedown is when all its orders are placed, by whomever."""
        async with asyncio.timeout(seconds):
            while not (progress := (await self.takedowns.get(takedown_id))[1]).placed_at:
                await asyncio.sleep(0.01)
        return progress


@asynccontextmanager
async def open_desk(store: Store, tags: bool = False) -> AsyncIterator[Desk]:
    """A desk whose replica and matching backwards run."""
    desk = Desk(store, tags)
    await desk.replica.start()
    await desk.retro.start()
    try:
        yield desk
    finally:
        await desk.placer.close()
        await desk.retro.close()
        await desk.replica.close()


def asked(name: str = "td-1", **what: Any) -> Takedown:
    """A takedown by somebody, of this moment."""
    return Takedown(by="ana", way="api", at=time.time(), why="case 9", id=name, **what)


def urls_of(orders: list[PurgeOrder]) -> list[str]:
    return [order.target.url for order in orders]

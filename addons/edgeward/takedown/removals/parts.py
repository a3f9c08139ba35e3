"""The parts of a takedown: each places the orders of some of its URLs, prefixes or hashes, and can be done again."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import batched, groupby

from edgeward.blocklist.catalogue import Catalogue
from edgeward.errors import NotFound
from edgeward.takedown.backwards.retro import WORKERS_SECONDS, Retro
from edgeward.takedown.listing import orders_for
from edgeward.takedown.purging.orders import AT_ONCE as PLACE_AT_ONCE
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.removals.reach import Reach
from edgeward.takedown.removals.takedowns import Takedown, Takedowns
from edgeward.takedown.seen.spelling import bare_host
from edgeward.types import Cause, Entry, PurgeOrder, Scope, Signal, Target

logger = logging.getLogger(__name__)

AT_ONCE = 50
"""URLs or hashes of one part."""
WALKS = 2
"""How many parts may look through all sightings at a time."""
POLL_SECONDS = (0.01, 0.5)
"""How often the listing's way through all sightings is looked at: at first, and at most."""

type Part = Callable[[], AsyncGenerator[list[str]]]
"""Does it, and yields the ids of the orders as they are placed."""


class Parts:
    """What there is to do for a takedown, in its order. `tags`: a cache stores images under their tags."""

    def __init__(
        self,
        takedowns: Takedowns,
        reach: Reach,
        orders: Orders,
        catalogue: Catalogue,
        retro: Retro,
        tags: bool = False,
    ) -> None:
        self._takedowns, self._reach, self._orders = takedowns, reach, orders
        self._catalogue, self._retro, self._tags = catalogue, retro, tags
        self._walks = asyncio.Semaphore(WALKS)

    def of(self, takedown: Takedown) -> list[Part]:
        """The parts: always the same for the same takedown. What is quick comes first."""
        parts: list[Part] = []
        if takedown.list:
            parts.append(partial(self._list, takedown))
        if takedown.prefixes:
            parts.append(partial(self._prefixes, takedown))
        parts.append(self._settle)
        parts += [partial(self._urls, takedown, urls) for urls in batched(takedown.urls, AT_ONCE)]
        parts += [partial(self._images, takedown, signals) for signals in batched(takedown.signals, AT_ONCE)]
        by_host = groupby(sorted(takedown.prefixes, key=_host), key=_host)
        parts += [partial(self._below, takedown, list(prefixes)) for _, prefixes in by_host]
        if takedown.list:
            parts.append(partial(self._adopt, takedown))
        return parts

    async def _list(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """List the signals. A list that was deleted meanwhile is trouble, and no more."""
        try:
            await self._catalogue.add_entries(list(_entries(takedown).values()), takedown.by, takedown.why)
        except NotFound as error:
            await self._takedowns.note_trouble(takedown.id, f"{error}: nothing was listed")
        yield []

    async def _prefixes(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """One order each, for the caches that can remove all below a path."""
        orders = self._orders_for(takedown, takedown.prefixes)
        yield await self._orders.place([replace(order, scope=Scope.PREFIX) for order in orders])

    async def _settle(self) -> AsyncGenerator[list[str]]:
        """What was served a moment ago is on record when copies are looked for."""
        if late := await self._catalogue.wait_recorded(WORKERS_SECONDS):
            logger.warning("takedowns: not waiting any longer for what %d replicas have served", len(late))
        yield []

    async def _urls(self, takedown: Takedown, urls: Sequence[Target]) -> AsyncGenerator[list[str]]:
        """Every spelling of each."""
        targets = [target for url in urls for target in await self._reach.url(url)]
        yield await self._orders.place(self._orders_for(takedown, targets))

    async def _images(self, takedown: Takedown, signals: Sequence[Signal]) -> AsyncGenerator[list[str]]:
        """Every copy of every image that is near one of the signals."""
        digests: set[str] = set()
        for signal in signals:
            digests.update(image.sha256 for image in await self._reach.images(signal))
        orders: list[PurgeOrder] = []
        for sha256 in sorted(digests):
            orders += self._orders_for(takedown, await self._reach.targets(sha256, takedown.hosts), sha256)
            if len(orders) >= PLACE_AT_ONCE:
                yield await self._orders.place(orders)
                orders = []
        yield await self._orders.place(orders)

    async def _below(self, takedown: Takedown, prefixes: Sequence[Target]) -> AsyncGenerator[list[str]]:
        """Everything seen below those of one host, one by one: not every cache can remove by prefix."""
        async with self._walks:
            async for targets in self._reach.below(prefixes):
                yield await self._orders.place(self._orders_for(takedown, targets))

    async def _adopt(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """The orders that came of the listing belong to the takedown, once it is matched backwards."""
        versions = await self._versions(takedown)
        pause, most = POLL_SECONDS
        while versions and await self._retro.version() < versions[-1]:
            await asyncio.sleep(pause)
            pause = min(most, pause * 1.5)
        for some in batched(versions, AT_ONCE):
            found = await self._retro.orders_of_each(some)
            yield list(dict.fromkeys(order_id for ids in found for order_id in ids or ()))

    async def _versions(self, takedown: Takedown) -> list[int]:
        """The versions of the lists at which its entries were added, whoever of us did it."""
        entries, found, after = _entries(takedown), [], takedown.version
        while changes := await self._catalogue.changes(after):
            after = changes[-1].version
            found += [each.version for each in changes if each.op == "entry.add" and _id(each.entry) in entries]
        return found

    def _orders_for(self, takedown: Takedown, targets: Iterable[Target], sha256: str = "") -> list[PurgeOrder]:
        # A tag knows no hosts: an order by tag would take the copies of others too.
        tags = self._tags and bool(sha256) and not takedown.hosts
        why, by = takedown.why, takedown.by
        return orders_for(sha256, targets, Cause.TAKEDOWN, takedown.at, why=why, by=by, takedown=takedown.id, tags=tags)


def _host(prefix: Target) -> str:
    return bare_host(prefix.host)


def _entries(takedown: Takedown) -> dict[str, Entry]:
    """What it lists, by id."""
    made = (Entry(takedown.list, each, takedown.why, takedown.by, takedown.at) for each in takedown.signals)
    return {entry.id: entry for entry in made}


def _id(entry: Entry | None) -> str:
    return entry.id if entry else ""

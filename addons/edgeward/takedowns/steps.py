"""The steps of a takedown. Each places the orders for some of its URLs, prefixes or hashes, and can be done again."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import batched, groupby

from edgeward.background.polling import Polling
from edgeward.errors import NotFound
from edgeward.lists.list_store import ListStore
from edgeward.purging.image_orders import image_orders
from edgeward.purging.orders import ORDERS_PER_COMMAND as PLACE_AT_ONCE
from edgeward.purging.orders import Orders
from edgeward.retromatch.worker import MAX_REPLICA_WAIT_SECONDS, RetromatchWorker
from edgeward.sightings.url_normalization import normalized_host
from edgeward.takedowns.scope import TakedownScope
from edgeward.takedowns.takedowns import Takedown, Takedowns
from edgeward.types import Cause, Entry, PurgeOrder, Scope, Signal, Target

logger = logging.getLogger(__name__)

ITEMS_PER_STEP = 50
"""URLs or hashes of one step: what another controller does again at most if this one dies."""
MAX_SCANS = 2
"""How many steps may scan all sightings at the same time."""
POLL_SECONDS = (0.01, 0.5)
"""Pause between two looks at whether the listing is matched against all sightings: the first, and the longest."""

type TakedownStep = Callable[[], AsyncGenerator[list[str]]]
"""Does the step, and yields the ids of its orders as they are placed."""


class TakedownSteps:
    """Divides takedowns into steps. `tags`: whether a cache stores images under their tags."""

    def __init__(
        self,
        takedowns: Takedowns,
        scope: TakedownScope,
        orders: Orders,
        list_store: ListStore,
        retromatch: RetromatchWorker,
        tags: bool = False,
    ) -> None:
        self._takedowns, self._scope, self._orders = takedowns, scope, orders
        self._list_store, self._retromatch, self._tags = list_store, retromatch, tags
        self._scans = asyncio.Semaphore(MAX_SCANS)

    def plan(self, takedown: Takedown) -> list[TakedownStep]:
        """The steps of a takedown, quick ones first. The same takedown always has the same steps in the same order:
        its progress in the store is how many of them are done."""
        steps: list[TakedownStep] = []
        if takedown.list:
            steps.append(partial(self._add_to_list, takedown))
        if takedown.prefixes:
            steps.append(partial(self._purge_prefixes, takedown))
        steps.append(self._wait_for_sightings)
        steps += [partial(self._purge_urls, takedown, urls) for urls in batched(takedown.urls, ITEMS_PER_STEP)]
        steps += [partial(self._purge_images, takedown, some) for some in batched(takedown.signals, ITEMS_PER_STEP)]
        by_host = groupby(sorted(takedown.prefixes, key=_host), key=_host)
        steps += [partial(self._purge_below, takedown, list(prefixes)) for _, prefixes in by_host]
        if takedown.list:
            steps.append(partial(self._collect_listing_orders, takedown))
        return steps

    async def _add_to_list(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """List the signals. If the list was deleted meanwhile, that is noted and the other steps go on."""
        try:
            await self._list_store.add_entries(list(_entries(takedown).values()), takedown.by, takedown.why)
        except NotFound as error:
            await self._takedowns.note_error(takedown.id, f"{error}: nothing was listed")
        yield []

    async def _purge_prefixes(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """One order for each prefix, for caches that can remove all below a path."""
        orders = self._orders_for(takedown, takedown.prefixes)
        yield await self._orders.place([replace(order, scope=Scope.PREFIX) for order in orders])

    async def _wait_for_sightings(self) -> AsyncGenerator[list[str]]:
        """Wait until what was served a moment ago is in the store: the next steps look up copies there."""
        if late := await self._list_store.wait_flushed(MAX_REPLICA_WAIT_SECONDS):
            logger.warning("takedowns: continuing without the latest sightings of %d processes", len(late))
        yield []

    async def _purge_urls(self, takedown: Takedown, urls: Sequence[Target]) -> AsyncGenerator[list[str]]:
        """Purge each URL in every form and variant."""
        targets = [target for url in urls for target in await self._scope.targets_of_url(url)]
        yield await self._orders.place(self._orders_for(takedown, targets))

    async def _purge_images(self, takedown: Takedown, signals: Sequence[Signal]) -> AsyncGenerator[list[str]]:
        """Purge every copy of every image that is near one of the signals."""
        digests: set[str] = set()
        for signal in signals:
            digests.update(image.sha256 for image in await self._scope.similar_images(signal))
        orders: list[PurgeOrder] = []
        for sha256 in sorted(digests):
            targets = await self._scope.targets_of_image(sha256, takedown.hosts)
            orders += self._orders_for(takedown, targets, sha256)
            if len(orders) >= PLACE_AT_ONCE:
                yield await self._orders.place(orders)
                orders = []
        yield await self._orders.place(orders)

    async def _purge_below(self, takedown: Takedown, prefixes: Sequence[Target]) -> AsyncGenerator[list[str]]:
        """Purge one by one what was seen below the prefixes of one host: not every cache can remove by prefix."""
        async with self._scans:
            async for targets in self._scope.targets_below(prefixes):
                yield await self._orders.place(self._orders_for(takedown, targets))

    async def _collect_listing_orders(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """Wait until the new entries are matched against all sightings, and add the orders that followed."""
        versions = await self._listing_versions(takedown)
        polling = Polling(*POLL_SECONDS)
        while versions and await self._retromatch.version() < versions[-1]:
            await polling.pause()
        for some in batched(versions, ITEMS_PER_STEP):
            found = await self._retromatch.orders_of_each(some)
            yield list(dict.fromkeys(order_id for ids in found for order_id in ids or ()))

    async def _listing_versions(self, takedown: Takedown) -> list[int]:
        """The versions of the lists that added the takedown's entries, whichever controller added them."""
        entries, found, after = _entries(takedown), [], takedown.version
        while changes := await self._list_store.changes(after):
            after = changes[-1].version
            for change in changes:
                if change.op == "entry.add" and change.entry and change.entry.id in entries:
                    found.append(change.version)
        return found

    def _orders_for(self, takedown: Takedown, targets: Iterable[Target], sha256: str = "") -> list[PurgeOrder]:
        # A tag has no host: an order by tag would also remove the image at hosts that the takedown does not cover.
        tags = self._tags and bool(sha256) and not takedown.hosts
        why, by = takedown.why, takedown.by
        return image_orders(
            sha256, targets, Cause.TAKEDOWN, takedown.at, why=why, by=by, takedown=takedown.id, tags=tags
        )


def _host(prefix: Target) -> str:
    return normalized_host(prefix.host)


def _entries(takedown: Takedown) -> dict[str, Entry]:
    """What the takedown lists, by id."""
    made = (Entry(takedown.list, each, takedown.why, takedown.by, takedown.at) for each in takedown.signals)
    return {entry.id: entry for entry in made}

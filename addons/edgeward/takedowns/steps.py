"""The steps of a takedown. Each places the orders for some of its URLs, prefixes or hashes, and can be done again."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import batched, groupby

from edgeward.background.polling import Polling
from edgeward.background.ttl_set import TtlSet
from edgeward.errors import Conflict, NotFound
from edgeward.lists.list_store import ListStore
from edgeward.purging.image_orders import NEVER_SEEN, NOTHING_FORGOTTEN, forgotten_orders, image_orders
from edgeward.purging.orders import ORDERS_PER_COMMAND as PLACE_AT_ONCE
from edgeward.purging.orders import Orders
from edgeward.retromatch.worker import MAX_REPLICA_WAIT_SECONDS, RetromatchWorker
from edgeward.sightings.url_normalization import decoded_url, normalized_host
from edgeward.takedowns.scope import TakedownScope
from edgeward.takedowns.takedowns import Takedown, Takedowns
from edgeward.types import Cause, Entry, PurgeOrder, Signal, Target, distinct_targets

logger = logging.getLogger(__name__)

ITEMS_PER_STEP = 50
"""URLs or hashes of one step: what another controller does again at most if this one dies."""
MAX_SCANS = 2
"""How many steps may scan all sightings at the same time."""
POLL_SECONDS = (0.01, 0.5)
"""Pause between two looks at whether the listing is matched against all sightings: the first, and the longest."""
NOTHING_UNJUDGED_SECONDS = 0.25
"""Within this time workers answer that they have judged all responses. The first purges wait no longer for that."""
UNJUDGED_SECONDS = 5.0
"""Longest wait for responses that broke off, and that no worker has judged yet. A request that nobody answers must not
hold up every wait."""
ALL_JUDGED_SECONDS = 3600.0
MAX_ALL_JUDGED = 10_000

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
        self._purges = scope.purges(orders)
        self._scans = asyncio.Semaphore(MAX_SCANS)
        # Takedowns that began when no response was unjudged.
        self._all_judged = TtlSet(ALL_JUDGED_SECONDS, MAX_ALL_JUDGED)

    def plan(self, takedown: Takedown) -> list[TakedownStep]:
        """The steps of a takedown, quick ones first. The same takedown always has the same steps in the same order:
        its progress in the store is how many of them are done."""
        steps: list[TakedownStep] = []
        if takedown.list:
            steps.append(partial(self._add_to_list, takedown))
        if takedown.prefixes:
            steps.append(partial(self._purge_prefixes, takedown))
        steps.append(partial(self._wait_for_sightings, takedown))
        steps += self._lookups(takedown)
        if takedown.list:
            steps.append(partial(self._collect_listing_orders, takedown))
        steps.append(partial(self._purge_late, takedown))
        return steps

    def _lookups(self, takedown: Takedown) -> list[TakedownStep]:
        """The steps that purge where copies were seen."""
        steps: list[TakedownStep] = []
        steps += [partial(self._purge_urls, takedown, urls) for urls in batched(takedown.urls, ITEMS_PER_STEP)]
        steps += [partial(self._purge_images, takedown, some) for some in batched(takedown.signals, ITEMS_PER_STEP)]
        by_host = groupby(sorted(takedown.prefixes, key=_host), key=_host)
        steps += [partial(self._purge_below, takedown, list(prefixes)) for _, prefixes in by_host]
        return steps

    async def _add_to_list(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """List the signals. If the list was deleted or the listing undone meanwhile, that is noted and the other steps
        go on."""
        entries = list(_entries(takedown).values())
        try:
            await self._list_store.add_entries(entries, takedown.by, takedown.why, takedown.id)
        except (NotFound, Conflict) as error:
            await self._takedowns.note_error(takedown.id, f"{error}: nothing was listed")
        yield []

    async def _purge_prefixes(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """One order for each prefix, for caches that can remove all below a path."""
        yield await self._purges.place(
            self._forgotten_orders(takedown, await self._scope.forgotten_below(takedown.prefixes))
        )

    async def _wait_for_sightings(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """Wait until what was served a moment ago is in the store: the next steps look up copies there."""
        if late := await self._list_store.wait_flushed(MAX_REPLICA_WAIT_SECONDS):
            logger.warning("takedowns: continuing without the latest sightings of %d processes", len(late))
        if not await self._list_store.wait_judged(NOTHING_UNJUDGED_SECONDS):
            self._all_judged.add(takedown.id)
        yield []

    async def _purge_late(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """Look for copies again if some responses were not judged when that was done first. What is not judged now
        either is purged by its worker, whatever it shows."""
        if takedown.id in self._all_judged:
            yield []
            return
        await self._list_store.wait_judged(UNJUDGED_SECONDS)
        placed = [order_id async for order_id in self._takedowns.all_orders(takedown.id)]
        orders = self._orders.without([order for order, _ in await self._orders.get_many(placed)])
        again = TakedownSteps(self._takedowns, self._scope, orders, self._list_store, self._retromatch, self._tags)
        again._all_judged.add(takedown.id)
        for step in again._lookups(takedown):
            async for ids in step():
                yield ids

    async def _purge_urls(self, takedown: Takedown, urls: Sequence[Target]) -> AsyncGenerator[list[str]]:
        """Purge each URL in every form and variant."""
        targets: list[Target] = []
        unseen: list[str] = []
        for url in urls:
            found, seen = await self._scope.targets_of_url(url)
            targets += found
            if not seen and not await self._scope.forgotten_of_urls([url]):
                unseen.append(url.url)
        await self._note_unseen(takedown, "urls", unseen)
        orders = self._orders_for(takedown, distinct_targets(targets))
        # Read after the targets: one that is forgotten meanwhile is found there or here.
        orders += self._forgotten_orders(takedown, await self._scope.forgotten_of_urls(urls))
        yield await self._purges.place(orders)

    async def _purge_images(self, takedown: Takedown, signals: Sequence[Signal]) -> AsyncGenerator[list[str]]:
        """Purge every copy of every image that is near one of the signals."""
        digests: dict[Signal, set[str]] = {}
        for signal in signals:
            digests[signal] = {image.sha256 for image in await self._scope.similar_images(signal)}
        orders: list[PurgeOrder] = []
        seen: set[str] = set()
        for sha256 in sorted(set().union(*digests.values())):
            targets = await self._scope.targets_of_image(sha256, takedown.hosts)
            forgotten = await self._scope.forgotten_of_image(sha256, takedown.hosts)
            seen.update([sha256] if targets or forgotten else [])
            orders += self._orders_for(takedown, targets, sha256, forgotten, targets)
            if len(orders) >= PLACE_AT_ONCE:
                yield await self._purges.place(orders)
                orders = []
        unseen = [f"{signal.type}:{signal.value}" for signal, images in digests.items() if not images & seen]
        await self._note_unseen(takedown, "hashes", unseen)
        orders += self._forgotten_orders(takedown, await self._scope.lost(takedown.hosts))
        yield await self._purges.place(orders)

    async def _purge_below(self, takedown: Takedown, prefixes: Sequence[Target]) -> AsyncGenerator[list[str]]:
        """Purge one by one what was seen below the prefixes of one host: not every cache can remove by prefix."""
        unseen = {prefix: decoded_url(prefix) for prefix in prefixes}
        async with self._scans:
            async for targets in self._scope.targets_below(prefixes):
                below = [decoded_url(target) for target in targets] if unseen else []
                unseen = {
                    prefix: beginning
                    for prefix, beginning in unseen.items()
                    if not any(url.startswith(beginning) for url in below)
                }
                yield await self._orders.place(self._orders_for(takedown, targets))
        nothing = [each.url for each in unseen if not any((await self._scope.forgotten_below([each])).values())]
        await self._note_unseen(takedown, "prefixes", nothing)

    async def _note_unseen(self, takedown: Takedown, kind: str, texts: Sequence[str]) -> None:
        """Note what matched nothing, unless it will be looked for again."""
        if takedown.id in self._all_judged:
            await self._takedowns.note_unseen(takedown.id, kind, texts)

    async def _collect_listing_orders(self, takedown: Takedown) -> AsyncGenerator[list[str]]:
        """Wait until the new entries are matched against all sightings, and add the orders that followed."""
        versions = await self._listing_versions(takedown)
        polling = Polling(*POLL_SECONDS)
        while not await self._retromatch.are_matched(versions):
            await polling.pause()
        while versions and await self._retromatch.lost_purges.is_due(takedown.list):
            await polling.pause()
        noted = set[str]()
        for some in batched(versions, ITEMS_PER_STEP):
            found = await self._retromatch.orders_of_each(some)
            # Several entries may have led to one order.
            new = dict.fromkeys(order_id for ids in found for order_id in ids or () if order_id not in noted)
            noted.update(new)
            yield list(new)

    async def _listing_versions(self, takedown: Takedown) -> list[int]:
        """The versions of the lists that added the takedown's entries, whichever controller added them."""
        entries, found, after = _entries(takedown), [], takedown.version
        while changes := await self._list_store.changes(after):
            after = changes[-1].version
            for change in changes:
                if change.op == "entry.add" and change.entry and change.entry.id in entries:
                    found.append(change.version)
        return found

    def _orders_for(
        self,
        takedown: Takedown,
        targets: Iterable[Target],
        sha256: str = "",
        forgotten: Mapping[Target, int] = NOTHING_FORGOTTEN,
        seen_at: Mapping[Target, float] = NEVER_SEEN,
    ) -> list[PurgeOrder]:
        # A tag has no host: an order by tag would also remove the image at hosts that the takedown does not cover.
        tags = self._tags and bool(sha256) and not takedown.hosts
        return image_orders(
            sha256,
            targets,
            Cause.TAKEDOWN,
            takedown.at,
            why=takedown.why,
            by=takedown.by,
            takedown=takedown.id,
            tags=tags,
            forgotten=forgotten,
            seen_at=seen_at,
        )

    def _forgotten_orders(self, takedown: Takedown, forgotten: Mapping[Target, int]) -> list[PurgeOrder]:
        why, by = takedown.why, takedown.by
        return forgotten_orders(forgotten, Cause.TAKEDOWN, takedown.at, why=why, by=by, takedown=takedown.id)


def _host(prefix: Target) -> str:
    return normalized_host(prefix.host)


def _entries(takedown: Takedown) -> dict[str, Entry]:
    """What the takedown lists, by id."""
    made = (Entry(takedown.list, each, takedown.why, takedown.by, takedown.at) for each in takedown.signals)
    return {entry.id: entry for entry in made}

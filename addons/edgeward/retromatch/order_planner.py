"""From changes of the lists to the purge orders that they lead to, for all images that were seen before."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import partial
from itertools import batched
from typing import NamedTuple

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.policy.list_limits import mode_below, verdict_at
from edgeward.purging.image_orders import image_orders
from edgeward.purging.orders import Orders
from edgeward.retromatch.forgotten_purges import ForgottenPurges
from edgeward.retromatch.lost_purges import LostPurges
from edgeward.retromatch.progress import Progress
from edgeward.retromatch.search_scope import ID_PREFIX_DIGITS, Search, entry_search, policy_extents, prefix_chunks
from edgeward.retromatch.seen_image_search import SeenImageSearch
from edgeward.sightings.codec import ID_BYTES
from edgeward.sightings.sightings import Sightings
from edgeward.types import Cause, Change, Entry, Fingerprint, HashList, ListKind, PurgeOrder, Target

ENTRIES_PER_STEP = 2000
"""Entries that one step matches when a list's policy has changed. After each step another controller can continue."""
IMAGES_PER_PLACEMENT = 250
"""Images whose orders are placed together."""
CONCURRENT_READS = 8
"""Images whose targets are read at the same time."""
LAST_STEP = "~"
"""Comes after every step of a change of policy, as names of steps are hexadecimal."""
MAX_LOOP_SECONDS = 0.01
"""How long verdicts may occupy the event loop without a pause."""

type PlacedOrders = dict[str, list[str]]
"""By image (first half of its SHA-256) the ids of its orders."""


class PendingChange(NamedTuple):
    """A change to match, and its list as it was before, where the change tells."""

    change: Change
    list_before: HashList | None


class OrderPlanner:
    """Matches changes against all images seen, and places the orders.

    The caller must first bring the live lists and `seen_image_search` up to date with the changes.
    """

    def __init__(
        self,
        seen_image_search: SeenImageSearch,
        replica: Replica,
        list_store: ListStore,
        sightings: Sightings,
        orders: Orders,
        progress: Progress,
        tags: bool,
    ) -> None:
        self._seen_image_search, self._replica, self._list_store = seen_image_search, replica, list_store
        self._sightings, self._orders, self._progress, self._tags = sightings, orders, progress, tags
        self._purges = ForgottenPurges(sightings.store, sightings.forgotten, orders)
        self.lost_purges = LostPurges(sightings.store, sightings.forgotten, orders)

    async def match_entries(self, pending: Sequence[PendingChange], placed: PlacedOrders) -> dict[int, list[str]]:
        """By version the ids of the orders that changes of entries led to.

        Images in `placed` get no further orders; the images that do are added to it.
        """
        lists = self._replica.matcher.lists
        searches: dict[int, Search] = {}
        for change, list_before in pending:
            list_now = lists.get(change.entry.list) if change.entry else None
            if search := entry_search(change, list_before, list_now):
                searches[change.version] = search
        near = dict(zip(searches, await self._seen_image_search.near_each(list(searches.values())), strict=True))
        # An image that several changes list is attributed to the first of them.
        change_of_image: dict[str, Change] = {}
        for change, _ in pending:
            for image in near.get(change.version, ()):
                change_of_image.setdefault(image, change)
        decided_by = await self._place_orders(change_of_image, placed)
        await self._share(pending, near, placed, decided_by)
        lost = await self.lost_purges.purge([change for change, _ in pending if change.version in searches])
        return {
            change.version: _orders_of(near.get(change.version, ()), placed)
            + (lost if change.version in searches else [])
            for change, _ in pending
        }

    async def match_policy(self, pending: PendingChange, placed: PlacedOrders) -> list[str]:
        """The ids of the orders that a change of a list's policy led to. Continues after the last recorded step."""
        change, list_before = pending
        extents = policy_extents(change, list_before)
        if not extents or not change.list:
            return []
        entries = await self._entries_of(change.list, change.op)
        done = await self._progress.last_step(change.version)
        if done == LAST_STEP:
            return await self._progress.step_orders(change.version)

        def remaining_steps() -> list[tuple[str, list[str]]]:
            ids = [entry_id for entry_id in entries if entry_id[:ID_PREFIX_DIGITS] > done]
            return list(prefix_chunks(ids, ENTRIES_PER_STEP))

        # In a thread: ten million entries take seconds.
        for step, ids in await asyncio.to_thread(remaining_steps):
            signals = [entry.signal for entry_id in ids if (entry := entries.get(entry_id))]
            searches = [Search(signal, *extents[signal.type]) for signal in signals if signal.type in extents]
            near = set[str]().union(*await self._seen_image_search.near_each(searches))
            await self._place_orders(dict.fromkeys(near, change), placed)
            await self._progress.record_step(change.version, step, _orders_of(near, placed))
        lost = await self.lost_purges.purge([change] if entries else [])
        await self._progress.record_step(change.version, LAST_STEP, lost)
        return await self._progress.step_orders(change.version)

    async def _entries_of(self, hash_list: HashList, op: str) -> Mapping[str, Entry]:
        """The list's entries by id; for an allowlist also those that it had when it was deleted.

        A later change may have deleted the allowlist already: its entries are then found only among the deleted ones.
        """
        live = self._replica.matcher.entries(hash_list.name)
        if hash_list.kind is not ListKind.ALLOW:
            return live
        chunks = self._list_store.scan(hash_list.name, deleted=True)
        deleted = {entry.id: entry async for chunk in chunks for entry in chunk}
        return deleted if op == "list.delete" else {**deleted, **live}

    async def _share(
        self,
        pending: Sequence[PendingChange],
        near: Mapping[int, Iterable[str]],
        placed: PlacedOrders,
        decided_by: Mapping[str, Set[str]],
    ) -> None:
        """An order names the entry that decides. Note it for the other new entries that match the same image."""
        others: dict[str, list[str]] = {}
        for change, _ in pending:
            if change.op == "entry.add" and change.entry:
                for image in near.get(change.version, ()):
                    if image in decided_by and change.entry.id not in decided_by[image]:
                        others.setdefault(image, []).append(change.entry.id)
        await self._orders.shared.share_each([(placed[image], entries) for image, entries in others.items()])

    async def _place_orders(self, change_of_image: Mapping[str, Change], placed: PlacedOrders) -> dict[str, Set[str]]:
        """Place orders for those of the images that are blocked by now, and add them to `placed`.

        Returns by image the ids of the entries that decide.
        """
        decided_by: dict[str, Set[str]] = {}
        for ids in batched(sorted(change_of_image.keys() - placed.keys()), IMAGES_PER_PLACEMENT):
            blocked = await self._blocked(await self._sightings.images_by_id(ids))
            orders: list[list[PurgeOrder]] = []
            for chunk in batched(blocked, CONCURRENT_READS):
                reads = (self._orders_for(image, entry, change_of_image[_id(image)]) for image, entry in chunk)
                orders += await asyncio.gather(*reads)
            order_ids = iter(await self._purges.place([order for orders_of_one in orders for order in orders_of_one]))
            for (image, _), orders_of_image in zip(blocked, orders, strict=True):
                placed[_id(image)] = [next(order_ids) for _ in orders_of_image]
                decided_by[_id(image)] = {order.entry_id for order in orders_of_image}
        return decided_by

    async def _blocked(self, images: Iterable[Fingerprint]) -> list[tuple[Fingerprint, Entry | None]]:
        """The images that the lists block by now, each with the entry that decides; None: it depends on the target."""
        blocked: list[tuple[Fingerprint, Entry | None]] = []
        matcher, began = self._replica.matcher, time.monotonic()
        for image in images:
            matches = await matcher.matches_async(image)
            if matcher.depends_on_target(matches):
                blocked.append((image, None))
            elif (verdict := matcher.verdict_from(matches)).blocks and verdict.match:
                blocked.append((image, verdict.match.entry))
            if time.monotonic() - began > MAX_LOOP_SECONDS:
                await asyncio.sleep(0)
                began = time.monotonic()
        return blocked

    async def _orders_for(self, image: Fingerprint, entry: Entry | None, change: Change) -> list[PurgeOrder]:
        """The orders for one image. `entry`: blocks it; None: that depends on the target."""
        seen_at = dict(await self._sightings.targets(image.sha256))
        # Read after the targets: one that is forgotten meanwhile is found there or here.
        forgotten = await self._sightings.forgotten.of_image(image.sha256)
        if entry is not None:
            return self._orders_by(entry, image, change, seen_at, forgotten, tags=self._tags)
        deciding = await self._deciding(image, seen_at, forgotten)
        # A purge by tag removes the image everywhere, so it must be blocked wherever it was seen.
        tags = self._tags and None not in deciding.values()
        orders: list[PurgeOrder] = []
        for each in dict.fromkeys(filter(None, deciding.values())):
            targets = {target: at for target, at in seen_at.items() if deciding[target] is each}
            prefixes = {prefix: count for prefix, count in forgotten.items() if deciding[prefix] is each}
            orders += self._orders_by(each, image, change, targets, prefixes, tags=tags and not orders)
        return orders

    async def _deciding(
        self, image: Fingerprint, targets: Iterable[Target], prefixes: Iterable[Target]
    ) -> dict[Target, Entry | None]:
        """By target, and by prefix of forgotten ones, the entry that blocks an image there; None where none does."""
        matcher = self._replica.matcher
        matches = matcher.first_of_each_list(await matcher.matches_async(image))
        verdicts = {prefix: matcher.verdict_from(matches, partial(mode_below, prefix=prefix)) for prefix in prefixes}
        verdicts |= {target: verdict_at(matcher, matches, target) for target in targets}
        return {
            target: verdict.match.entry if verdict.blocks and verdict.match else None
            for target, verdict in verdicts.items()
        }

    def _orders_by(
        self,
        entry: Entry,
        image: Fingerprint,
        change: Change,
        seen_at: Mapping[Target, float],
        forgotten: Mapping[Target, int],
        *,
        tags: bool,
    ) -> list[PurgeOrder]:
        return image_orders(
            image.sha256,
            seen_at,
            Cause.LISTING,
            # The entry may be newer than the change of policy: the linger time then begins with the entry.
            change.at if change.entry else max(change.at, entry.added_at),
            entry_id=entry.id,
            why=change.why,
            by=change.who,
            tags=tags,
            forgotten=forgotten,
            seen_at=seen_at,
        )


def _orders_of(images: Iterable[str], placed: PlacedOrders) -> list[str]:
    return [order_id for image in sorted(images) for order_id in placed.get(image, ())]


def _id(image: Fingerprint) -> str:
    return image.sha256[: 2 * ID_BYTES]

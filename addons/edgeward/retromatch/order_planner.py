"""From changes of the lists to the purge orders that they lead to, for all images that were seen before."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.purging.orders import Orders
from edgeward.retromatch.lost_purges import LostPurges
from edgeward.retromatch.order_placement import OrderPlacement, PlacedOrders
from edgeward.retromatch.progress import Progress
from edgeward.retromatch.row_search import FIRST_LETTER, RowSearch, Step
from edgeward.retromatch.row_sets import RowSet, added_rows, all_rows, restored_rows
from edgeward.retromatch.search_scope import (
    ID_PREFIX_DIGITS,
    Search,
    SearchExtent,
    entry_search,
    full_extents,
    policy_extents,
    prefix_chunks,
)
from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.retromatch.seen_image_search import SeenImageSearch
from edgeward.sightings.sightings import Sightings
from edgeward.types import Batch, Change, Entry, HashList, ListKind, Mode
from edgeward.types.batches import adds_field, removes_field

ENTRIES_PER_STEP = 2000
"""Entries that one step matches when a list's policy has changed. After each step another controller can continue."""
LAST_STEP = "~"
"""Comes after every step, as names of steps are hexadecimal, or begin with FIRST_LETTER."""


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
        self._orders, self._progress = orders, progress
        self._placement = OrderPlacement(replica.matcher, sightings, orders, tags)
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
        decided_by = await self._placement.place(change_of_image, placed)
        await self._share(pending, near, placed, decided_by)
        lost = await self.lost_purges.purge([change for change, _ in pending if change.version in searches])
        return {
            change.version: _orders_of(near.get(change.version, ()), placed)
            + (lost if change.version in searches else [])
            for change, _ in pending
        }

    async def match_in_steps(self, pending: PendingChange, placed: PlacedOrders) -> AsyncGenerator[None]:
        """Match a batch, or a change of a list's policy. Yields after each step; then other work may be done.

        What is done is recorded by step, with the ids of its orders (Progress.orders_of). Continues after the last step
        on record. Images in `placed` get no further orders; the images that do are added to it.

        Raises:
            DamagedSegment: a file of a batch is damaged.
        """
        change = pending.change
        done = await self._progress.last_step(change.version)
        if done == LAST_STEP:
            return
        search = await self._batch_search(change, change.batch) if change.batch else None
        steps = search.steps(done) if search else self._policy_steps(change, policy_extents(*pending), done)
        matched, searched = set[str](), bool(done)
        async for step, found in steps:
            near = found - matched
            matched |= near
            if search:
                await self._placement.place_and_share(near, change, placed, search.wants)
            else:
                await self._placement.place(dict.fromkeys(near, change), placed)
            await self._progress.record_step(change.version, step, _orders_of(near, placed))
            searched = True
            yield
        if searched:
            lost = await self.lost_purges.purge([change])
            await self._progress.record_step(change.version, LAST_STEP, lost)

    async def _batch_search(self, change: Change, batch: Batch) -> RowSearch:
        """The search for images near the rows that a batch, or its undo, has switched on."""
        matcher, rows = self._replica.matcher, list[RowSet]()
        hash_list, index = (
            matcher.lists.get(batch.list, HashList(batch.list, mode=Mode.OFF)),
            matcher.batches(batch.list),
        )
        if hash_list.mode is Mode.ENFORCE and hash_list.kind is ListKind.BLOCK:
            data = self._list_store.batches.data
            if change.op == "list.batch_undo":
                removes = {each: await data.value(batch.id, removes_field(each)) for each in batch.removes}
                rows = await asyncio.to_thread(restored_rows, removes, index)
            else:
                adds = {each: await data.value(batch.id, adds_field(each)) for each in batch.adds}
                rows = await asyncio.to_thread(added_rows, batch, adds, index)
        return RowSearch(self._index_of_seen, index, rows, full_extents(hash_list))

    async def _policy_steps(
        self, change: Change, extents: Mapping[str, SearchExtent], done: str
    ) -> AsyncIterator[Step]:
        """The images near all that the list has."""
        if not extents or not change.list:
            return
        entries = await self._entries_of(change.list, change.op)

        def remaining_steps() -> list[tuple[str, list[str]]]:
            ids = [entry_id for entry_id in entries if entry_id[:ID_PREFIX_DIGITS] > done]
            return list(prefix_chunks(ids, ENTRIES_PER_STEP))

        # In a thread: a million entries take a part of a second.
        for step, ids in [] if done.startswith(FIRST_LETTER) else await asyncio.to_thread(remaining_steps):
            signals = [entry.signal for entry_id in ids if (entry := entries.get(entry_id))]
            searches = [Search(signal, *extents[signal.type]) for signal in signals if signal.type in extents]
            yield step, set[str]().union(*await self._seen_image_search.near_each(searches))
        index = self._replica.matcher.batches(change.list.name)
        rows = await asyncio.to_thread(all_rows, index)
        async for found in RowSearch(self._index_of_seen, index, rows, extents).steps(done):
            yield found

    def _index_of_seen(self) -> SeenImageIndex:
        return self._seen_image_search.index

    async def _entries_of(self, hash_list: HashList, op: str) -> Mapping[str, Entry]:
        """The list's single entries by id; for an allowlist also those that it had when it was deleted.

        A later change may have deleted the allowlist already: its entries are then found only among the deleted ones.
        """
        live = self._replica.matcher.single_entries(hash_list.name)
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


def _orders_of(images: Iterable[str], placed: PlacedOrders) -> list[str]:
    return [order_id for image in sorted(images) for order_id in placed.get(image, ())]

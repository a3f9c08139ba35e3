"""From changes of the blocklist to the purge orders that they lead to, for all that was served before."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import batched
from typing import NamedTuple

from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.takedown.backwards.lookback import Lookback
from edgeward.takedown.backwards.progress import Progress
from edgeward.takedown.backwards.suspects import PREFIX_DIGITS, Search, around_entry, around_list, chunks
from edgeward.takedown.listing import orders_for
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.seen.packing import ID_BYTES
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Cause, Change, Entry, Fingerprint, HashList, Kind, PurgeOrder

PART = 2000
"""Entries of a list that are matched at once when its policy changed: after each part it can be gone on with."""
IMAGES_AT_ONCE = 250
"""Images whose orders are placed together."""
READERS = 8
"""Images whose targets are read at the same time."""
BREATH_SECONDS = 0.01
"""How long verdicts may keep the event loop."""

type Placed = dict[str, list[str]]
"""By image (half of its SHA-256) the ids of its orders."""


class Work(NamedTuple):
    """A change to match, and its list as it was before where the change says so."""

    change: Change
    was: HashList | None


class Hindsight:
    """Matches changes against everything seen. The live lists must have reached them, `lookback` the sightings."""

    def __init__(
        self,
        lookback: Lookback,
        replica: Replica,
        catalogue: Catalogue,
        sightings: Sightings,
        orders: Orders,
        progress: Progress,
        tags: bool,
    ) -> None:
        self._lookback, self._replica, self._catalogue = lookback, replica, catalogue
        self._sightings, self._orders, self._progress, self._tags = sightings, orders, progress, tags

    async def entries(self, work: Sequence[Work], placed: Placed) -> dict[int, list[str]]:
        """By version the orders that changes of entries led to. What is `placed` already is not placed again."""
        lists = self._replica.matcher.lists
        changes = [each.change for each in work]
        searches: dict[int, Search] = {}
        for change, was in work:
            now = lists.get(change.entry.list) if change.entry else None
            if search := around_entry(change, was, now):
                searches[change.version] = search
        found = dict(zip(searches, await self._lookback.near_each(list(searches.values())), strict=True))
        whose: dict[str, Change] = {}
        for change in changes:
            for image in found.get(change.version, ()):
                whose.setdefault(image, change)
        await self._order_out(whose, placed)
        return {change.version: _orders(found.get(change.version, ()), placed) for change in changes}

    async def policy(self, work: Work, placed: Placed) -> list[str]:
        """The orders that a change of policy led to. It goes on after the last part that is on record."""
        change, was = work
        extents = around_list(change, was)
        if not extents or not change.list:
            return []
        entries = await self._entries_of(change.list, change.op)
        for part, ids in await self._parts(entries, await self._progress.part(change.version)):
            signals = [entry.signal for each in ids if (entry := entries.get(each))]
            searches = [Search(signal, *extents[signal.type]) for signal in signals if signal.type in extents]
            found = set[str]().union(*await self._lookback.near_each(searches))
            await self._order_out(dict.fromkeys(found, change), placed)
            await self._progress.note(change.version, part, _orders(found, placed))
        return await self._progress.parts(change.version)

    async def _entries_of(self, hash_list: HashList, op: str) -> Mapping[str, Entry]:
        """The list's entries. An allowlist's come with those it had when it was deleted, perhaps since this change."""
        live = self._replica.matcher.entries(hash_list.name)
        if hash_list.kind is not Kind.ALLOW:
            return live
        gone = {entry.id: entry async for some in self._catalogue.scan(hash_list.name, gone=True) for entry in some}
        return gone if op == "list.delete" else {**gone, **live}

    @staticmethod
    async def _parts(entries: Mapping[str, Entry], done: str) -> list[tuple[str, list[str]]]:
        """Ids in parts, each with its name; `done` is the name of the last that is done. Ten million take seconds."""
        ids = list(entries)
        return await asyncio.to_thread(lambda: list(chunks([i for i in ids if i[:PREFIX_DIGITS] > done], PART)))

    async def _order_out(self, whose: Mapping[str, Change], placed: Placed) -> None:
        """Order out the images that are listed by now. `whose`: the change that each is put down to."""
        for some in batched(sorted(whose.keys() - placed.keys()), IMAGES_AT_ONCE):
            listed = await self._listed(await self._sightings.images_of(some))
            orders: list[list[PurgeOrder]] = []
            for few in batched(listed, READERS):
                asked = (self._orders_for(image, entry, whose[_id(image)]) for image, entry in few)
                orders += await asyncio.gather(*asked)
            ids = iter(await self._orders.place([order for each in orders for order in each]))
            for (image, _), each in zip(listed, orders, strict=True):
                placed[_id(image)] = [next(ids) for _ in each]

    async def _listed(self, images: Iterable[Fingerprint]) -> list[tuple[Fingerprint, Entry]]:
        """The images that are blocked by now, each with the entry that decides."""
        listed = []
        began = time.monotonic()
        for image in images:
            verdict = await self._replica.matcher.patient_verdict(image)
            if verdict.blocks and verdict.match:
                listed.append((image, verdict.match.entry))
            if time.monotonic() - began > BREATH_SECONDS:
                await asyncio.sleep(0)
                began = time.monotonic()
        return listed

    async def _orders_for(self, image: Fingerprint, entry: Entry, change: Change) -> list[PurgeOrder]:
        return orders_for(
            image.sha256,
            [target for target, _ in await self._sightings.targets(image.sha256)],
            Cause.LISTING,
            change.at if change.entry else max(change.at, entry.added_at),
            entry_id=entry.id,
            why=change.why,
            by=change.who,
            tags=self._tags,
        )


def _orders(images: Iterable[str], placed: Placed) -> list[str]:
    return [order_id for image in sorted(images) for order_id in placed.get(image, ())]


def _id(image: Fingerprint) -> str:
    return image.sha256[: 2 * ID_BYTES]

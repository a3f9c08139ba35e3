"""Matching backwards: what was served before it was listed is ordered out of the caches.

Changes of the blocklist are work of the consumer group "retro", so several controllers share it, and what a killed one
left is claimed by another. Each controller has its own index of the images seen.

Nothing is missed between a listing and a sighting that is written at the same time: the index catches up with the
sightings after the change is known, and a sighting that comes later still was checked, or is matched again by its
recorder, with this change applied.
"""

import asyncio
import json
import logging
import math
import socket
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from edgeward import metrics
from edgeward.blocklist.catalogue import Catalogue, parse_changes
from edgeward.blocklist.replica import Replica
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.takedown.absence import Absence
from edgeward.takedown.group import Group
from edgeward.takedown.orders import Orders
from edgeward.takedown.seen import SeenImages
from edgeward.takedown.sightings import PlaceLost, Sightings
from edgeward.types import Cause, Change, Fingerprint, HashList, Kind, Mode, PurgeOrder

logger = logging.getLogger(__name__)

BATCH = 100
BLOCK_MS = 1000
CLAIM_SECONDS = 10.0
"""Changes that another controller left alone for so long are taken over."""
REPLICA_SECONDS = 5.0
WORKERS_SECONDS = 2.5
"""How long the workers' sightings are waited for: a little longer than one that is dead counts as alive."""
RETRY_SECONDS = 0.2
REBUILD_SECONDS = 86400.0
"""How often the index is built anew, to forget images that have expired."""
KEEP_IDS_SECONDS = 86400
"""How long `orders_of` can be asked about a version."""


class Retro:
    """Matches each change of the blocklist against all sightings, and places the orders that follow from it."""

    def __init__(self, store: Store, replica: Replica, sightings: Sightings, orders: Orders) -> None:
        self._store, self._replica, self._sightings, self._orders = store, replica, sightings, orders
        self._catalogue = Catalogue(store)
        self._group = Group(store, self._catalogue.stream, "retro")
        self._consumer = socket.gethostname()
        self._absence = Absence("retro")
        self._seen = SeenImages()
        self._place = ""
        self._built = 0.0
        self._claimed = -math.inf
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin in the background: the index is built first."""
        self._task = asyncio.create_task(self._run(), name="retro")

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def orders_of(self, version: int) -> list[str] | None:
        """Ids of the orders that the change of this version led to; None: it has not been matched backwards yet."""
        text = await self._store.redis.get(self._orders_key(version))
        return [str(order_id) for order_id in json.loads(text)] if text is not None else None

    async def version(self) -> int:
        """The version up to which all sightings have been matched backwards, by whichever controller."""
        await self._group.ensure()
        return int((await self._group.reached()).partition("-")[0])

    async def _run(self) -> None:
        while True:
            try:
                await self._step()
                self._absence.over()
                continue
            except PlaceLost:
                logger.warning("retro: the place among the sightings is lost, reading them all again")
                self._place = ""
            except STORE_AWAY as error:
                self._absence.note(error)
            except Exception:
                # A defect must not end matching backwards for good: it is counted, and the change stays owed.
                metrics.gate_errors.labels("retro").inc()
                logger.exception("retro: defect; the change is tried again")
            # What was taken and not matched is looked for first.
            self._claimed = -math.inf
            await asyncio.sleep(RETRY_SECONDS)

    async def _step(self) -> None:
        if not self._place or time.monotonic() - self._built > REBUILD_SECONDS:
            await self._build()
        changes = await self._next()
        if not changes:
            return
        while not await self._replica.wait_version(changes[-1].version, REPLICA_SECONDS):
            logger.warning("retro: waiting for the lists to reach version %d here", changes[-1].version)
        # What a worker judged by older lists is on record before it says that it has applied these.
        if late := await self._catalogue.wait_applied(changes[-1].version, WORKERS_SECONDS):
            logger.warning("retro: not waiting any longer for %d replicas; what they saw they match again", len(late))
        await self._catch_up()
        await self._match(changes)
        metrics.retro_version.set(await self.version())

    async def _build(self) -> None:
        """Read every image. The place is taken first: what comes meanwhile is read again after it."""
        place, seen = await self._sightings.newest(), SeenImages()
        async for fingerprint in self._sightings.images():
            seen.add(fingerprint)
        self._seen, self._place, self._built = seen, place, time.monotonic()

    async def _catch_up(self) -> None:
        """Read the images that were seen since, to the end of their stream."""
        while True:
            images, place = await self._sightings.new_images(self._place)
            for fingerprint in images:
                self._seen.add(fingerprint)
            if place == self._place:
                return
            self._place = place

    async def _next(self) -> list[Change]:
        """Changes to match: those left from an earlier life or by the dead, else new ones."""
        if time.monotonic() - self._claimed > CLAIM_SECONDS:
            await self._group.ensure()
            items = await self._group.claim(self._consumer, int(CLAIM_SECONDS * 1000), BATCH)
            items += await self._group.mine(self._consumer, count=BATCH)
            if items:
                return _parse(items)
            self._claimed = time.monotonic()
        return _parse(await self._group.take(self._consumer, BATCH, BLOCK_MS))

    async def _match(self, changes: Sequence[Change]) -> None:
        placed: dict[str, list[str]] = {}
        # New entries first: what they and a new policy both list is put down to the entry.
        for change in sorted(changes, key=lambda change: change.entry is None):
            began = time.perf_counter()
            ids = await self._match_one(change, placed)
            await self._store.redis.set(self._orders_key(change.version), json.dumps(ids), ex=KEEP_IDS_SECONDS)
            await self._group.acknowledge([f"{change.version}-0"])
            metrics.retro_seconds.observe(time.perf_counter() - began)

    async def _match_one(self, change: Change, placed: dict[str, list[str]]) -> list[str]:
        """Order out what the change makes listed. `placed`: by image, the orders that this batch has placed."""
        ids: list[str] = []
        async with aclosing(self._affected(change)) as images:
            async for image in images:
                if image.sha256 not in placed and (orders := await self._orders_for(image, change)):
                    placed[image.sha256] = await self._orders.place(orders)
                ids += placed.get(image.sha256, ())
        return ids

    async def _affected(self, change: Change) -> AsyncGenerator[Fingerprint, None]:
        """Images that may be listed by the change; the verdict on each decides."""
        hash_list = change.list or (change.entry and self._replica.matcher.lists.get(change.entry.list))
        if not hash_list:
            return
        if not _may_list(hash_list, change.op):
            return
        if change.entry:
            near = self._seen.near(change.entry.signal, hash_list.radius_of(change.entry.signal.type))
            for image in await self._sightings.images_of(sorted(near)):
                yield image
        elif change.op == "list.delete" or self._replica.matcher.entries(hash_list.name):
            async for image in self._sightings.images():
                yield image

    async def _orders_for(self, image: Fingerprint, change: Change) -> list[PurgeOrder]:
        verdict = self._replica.matcher.verdict(image)
        if not verdict.blocks or verdict.match is None:
            return []
        entry = verdict.match.entry
        began = max(change.at, entry.added_at) if change.entry is None else change.at
        return [
            PurgeOrder(target, Cause.LISTING, began, image.sha256, entry.id, change.why, change.who)
            for target, _ in await self._sightings.targets(image.sha256)
        ]

    def _orders_key(self, version: int) -> str:
        return self._store.key("retro", "orders", str(version))


def _may_list(hash_list: HashList, op: str) -> bool:
    """Whether a change can make an image listed: a block list grew, or an allowlist that protected it shrank."""
    if hash_list.kind is Kind.ALLOW:
        return op in ("list.set", "list.delete", "entry.remove")
    return hash_list.mode is Mode.ENFORCE and op in ("list.set", "entry.add")


def _parse(items: Sequence[tuple[str, object]]) -> list[Change]:
    changes = parse_changes([(item_id.encode(), fields) for item_id, fields in items])
    return sorted({change.version: change for change in changes}.values(), key=lambda change: change.version)

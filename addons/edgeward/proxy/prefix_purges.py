"""Purges by prefix of listed images that are requested under too many targets to purge them one by one.

One order removes all copies below a path. Where a cache cannot purge by prefix, copies are left: so the order says how
many targets it stands for, as those for forgotten targets do, and receipts of the entry count them as not known.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from edgeward import metrics
from edgeward.background.write_buffer import BATCH_SIZE, WriteBuffer
from edgeward.purging.image_orders import image_orders
from edgeward.purging.order_room import OrderRoom
from edgeward.retromatch.forgotten_purges import ForgottenPurges
from edgeward.sightings.codec import image_id
from edgeward.sightings.forgotten import EVERYWHERE, ForgottenTargets, host_of, prefix_of
from edgeward.types import Cause, PurgeOrder, Target

PAUSE_SECONDS = 2.0
"""Between two purges: what comes meanwhile shares the next one."""
LONG_PAUSE_SECONDS = 60.0
"""The same where a purge takes a whole host, and while there is no room for orders."""
MAX_PREFIXES, MAX_HOSTS, MAX_IMAGES = 64, 128, 256
"""Prefixes of images that wait. Beyond the first, a target counts for its host; beyond the second, for all hosts."""


@dataclass(slots=True)
class _Waiting:
    """Targets of one image below one prefix: their number, and the entry and the time of the first match."""

    count: int
    entry_id: str
    since: float


class PrefixPurges:
    """Collects targets, and orders purges of their prefixes.

    Args:
        tags: a cache stores images under their tags, so they can be purged by tag.

    Attributes:
        buffer: tells when what was added is ordered.
    """

    def __init__(self, forgotten: ForgottenTargets, purges: ForgottenPurges, room: OrderRoom, tags: bool) -> None:
        self._forgotten, self._purges, self._room, self._tags = forgotten, purges, room, tags
        self._waiting: dict[tuple[str, Target], _Waiting] = {}
        self._next_at = 0.0
        self._closing = asyncio.Event()
        # A batch in progress, and one item for what is added meanwhile.
        self.buffer = WriteBuffer[None]("purges by prefix", self._write, BATCH_SIZE + 1)

    def end_pause(self) -> None:
        """Order what waits at once from now on: this worker ends."""
        self._closing.set()

    def add(self, target: Target, sha256: str, entry_id: str) -> bool:
        """Have a target purged with all others below its path. False: images of too many prefixes wait."""
        key = self._key(target, sha256)
        if key not in self._waiting and len(self._waiting) >= MAX_IMAGES:
            return False
        metrics.matches_purged_by_prefix.inc()
        self._merge(key, _Waiting(1, entry_id, self._forgotten.clock.now()))
        self.buffer.put(None)
        return True

    async def place(self, orders: Sequence[PurgeOrder]) -> None:
        """Order purges by prefix at once, in place of these orders for targets."""
        waiting: dict[str, dict[Target, _Waiting]] = {}
        for order in orders:
            metrics.matches_purged_by_prefix.inc()
            own = waiting.setdefault(order.sha256, {})
            known = own.setdefault(prefix_of(order.target), _Waiting(0, order.entry_id, order.started_at))
            known.count += 1
        for sha256, own in waiting.items():
            await self._place(sha256, own)

    def _key(self, target: Target, sha256: str) -> tuple[str, Target]:
        key, count = (sha256, prefix_of(target)), len(self._waiting)
        if key not in self._waiting and count >= MAX_PREFIXES:
            key = sha256, host_of(target)
        if key not in self._waiting and count >= MAX_HOSTS:
            key = sha256, EVERYWHERE
        return key

    def _merge(self, key: tuple[str, Target], new: _Waiting) -> None:
        known = self._waiting.setdefault(key, _Waiting(0, new.entry_id, new.since))
        known.count += new.count
        known.since = min(known.since, new.since)

    async def _write(self, _: Sequence[None]) -> None:
        """Order a purge of everything that waits. After a failure all of it waits still; some may count twice."""
        if self._waiting:
            await self._pause()
        waiting, self._waiting = self._waiting, {}
        wide = any(prefix.path == "/" for _, prefix in waiting)
        self._next_at = time.monotonic() + (LONG_PAUSE_SECONDS if wide or self._room.is_full else PAUSE_SECONDS)
        while waiting:
            sha256 = next(iter(waiting))[0]
            own = {prefix: each for (image, prefix), each in waiting.items() if image == sha256}
            try:
                await self._place(sha256, own)
            except BaseException:
                for key, each in waiting.items():
                    self._merge(key, each)
                self._next_at = 0.0
                raise
            waiting = {key: each for key, each in waiting.items() if key[0] != sha256}

    async def _pause(self) -> None:
        await self._room.check()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), max(0.0, self._next_at - time.monotonic()))

    async def _place(self, sha256: str, waiting: Mapping[Target, _Waiting]) -> None:
        """Count the targets as forgotten, with those that other workers counted, and order the purges of all."""
        image = image_id(sha256)
        await self._forgotten.count_of_image(image, {prefix: each.count for prefix, each in waiting.items()})
        known = await self._forgotten.of_image(image)
        # Of too many prefixes the store counts some by their host, or together.
        kept = {
            next((each for each in (prefix, host_of(prefix)) if each in known), EVERYWHERE): each
            for prefix, each in waiting.items()
        }
        orders = image_orders(
            sha256,
            [],
            Cause.MATCH,
            min(each.since for each in waiting.values()),
            entry_id=next(iter(waiting.values())).entry_id,
            tags=self._tags,
            forgotten={prefix: known.get(prefix, each.count) for prefix, each in kept.items()},
        )
        await self._purges.place(orders)

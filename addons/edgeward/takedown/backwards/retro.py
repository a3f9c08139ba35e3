"""Matching backwards: what was served before it was listed is ordered out of the caches.

Changes of the blocklist are work of the consumer group "retro", so several controllers share it, and what a killed one
left is claimed by another, a change of policy in its middle. Each controller has its own index of the images seen.

Nothing is missed between a listing and a sighting that is written at the same time: the index catches up with the
sightings after the change is known, and a sighting that comes later still was checked, or is matched again by its
recorder, with this change applied.
"""

import asyncio
import logging
import math
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from edgeward import metrics
from edgeward.blocklist.catalogue import Catalogue, parse_changes
from edgeward.blocklist.replica import Replica
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.takedown.absence import Absence
from edgeward.takedown.backwards.hindsight import Hindsight, Work
from edgeward.takedown.backwards.lookback import Lookback
from edgeward.takedown.backwards.progress import Progress
from edgeward.takedown.group import Group, Item
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Fingerprint, HashList, Signal

logger = logging.getLogger(__name__)

BATCH = 2000
"""Changes that one controller matches at once. They take about a second with a million images seen, so that several
controllers share a long import."""
TAKE = 250
"""Changes that one answer of the store holds: a few milliseconds of parsing."""
BLOCK_MS = 1000
CLAIM_SECONDS = 5.0
"""Changes that another controller left alone for so long are taken over."""
HOLD_SECONDS = 1.0
REPLICA_SECONDS = 5.0
WORKERS_SECONDS = 2.5
"""How long the workers' sightings are waited for: a little longer than one that is dead counts as alive."""
RETRY_SECONDS = 0.2


class Retro:
    """Matches each change of the blocklist against all sightings, and places the orders that follow from it.

    Args:
        consumer: name of this controller among those that share the work; no two may have the same.
        tags: whether a cache keeps what it stores under the tags of images.
    """

    def __init__(
        self,
        store: Store,
        replica: Replica,
        sightings: Sightings,
        orders: Orders,
        consumer: str = "",
        tags: bool = False,
    ) -> None:
        self._replica = replica
        self._catalogue = Catalogue(store)
        self._group = Group(store, self._catalogue.stream, "retro")
        self._progress = Progress(store)
        self._lookback = Lookback(sightings, replica.matcher.min_quality)
        self._hindsight = Hindsight(self._lookback, replica, self._catalogue, sightings, orders, self._progress, tags)
        self._consumer = consumer or socket.gethostname()
        self._absence = Absence("retro")
        self._claimed = -math.inf
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin in the background: every image seen is read first."""
        self._claimed = -math.inf
        self._task = asyncio.create_task(self._run(), name="retro")

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._lookback.close()

    @property
    def ready(self) -> bool:
        """Whether every image seen is in the index."""
        return self._lookback.ready

    async def near(self, signal: Signal, radius: int) -> list[Fingerprint]:
        """Every image seen with a signal within `radius` bits of this one; StoreUnavailable while they are read."""
        return await self._lookback.near(signal, radius)

    async def orders_of(self, version: int) -> list[str] | None:
        """Ids of the orders that the change of this version led to; None: it has not been matched backwards yet."""
        return (await self.orders_of_each([version]))[0]

    async def orders_of_each(self, versions: Sequence[int]) -> list[list[str] | None]:
        """The same for many versions."""
        return await self._progress.orders_of(versions)

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
        if not self.ready:
            await self._lookback.refresh()
        work = await self._next()
        if not work:
            await self._lookback.refresh()
            return
        async with self._held(work):
            version = work[-1].change.version
            while not await self._replica.wait_version(version, REPLICA_SECONDS):
                logger.warning("retro: waiting for the lists to reach version %d here", version)
            # What a worker judged by older lists is on record before it says that it has applied these.
            if late := await self._catalogue.wait_applied(version, WORKERS_SECONDS):
                logger.warning(
                    "retro: not waiting any longer for %d replicas; what they saw they match again", len(late)
                )
            await self._lookback.refresh()
            await self._match(work)
        await self._tell()

    async def _tell(self) -> None:
        metrics.retro_version.set(await self.version())
        metrics.retro_behind.set((await self._group.owed()).count)

    async def _next(self) -> list[Work]:
        """Changes to match: those left from an earlier life or by the dead, else new ones."""
        if time.monotonic() - self._claimed > CLAIM_SECONDS:
            await self._group.ensure()
            if left := await self._left():
                return left
            self._claimed = time.monotonic()
        return await self._take()

    async def _left(self) -> list[Work]:
        claimed = 0
        while claimed < BATCH and (some := await self._claim()):
            claimed += some
        # What was claimed is this controller's own now, like what it left itself.
        work: list[Work] = []
        after = "0"
        while len(work) < BATCH and (items := await self._group.mine(self._consumer, after, TAKE)):
            work += _parse(items)
            after = items[-1][0]
        return work

    async def _claim(self) -> int:
        return len(await self._group.claim(self._consumer, int(CLAIM_SECONDS * 1000), TAKE))

    async def _take(self) -> list[Work]:
        work: list[Work] = []
        wait = BLOCK_MS
        while len(work) < BATCH and (items := await self._group.take(self._consumer, TAKE, wait)):
            work += _parse(items)
            if len(items) < TAKE:
                break
            wait = 1
        return work

    @asynccontextmanager
    async def _held(self, work: Sequence[Work]) -> AsyncIterator[None]:
        """Nobody else claims the changes while they are worked on."""
        ids = [f"{each.change.version}-0" for each in work]

        async def hold() -> None:
            while True:
                await asyncio.sleep(HOLD_SECONDS)
                try:
                    await self._group.hold(self._consumer, ids)
                except STORE_AWAY as error:
                    self._absence.note(error)

        task = asyncio.create_task(hold(), name="retro hold")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _match(self, work: Sequence[Work]) -> None:
        """New entries first and all together: what they and a new policy both list is put down to the entry."""
        placed: dict[str, list[str]] = {}
        began = time.perf_counter()
        if entries := [each for each in work if each.change.entry]:
            await self._done(await self._hindsight.entries(entries, placed))
            metrics.retro_seconds.observe(time.perf_counter() - began)
        for each in work:
            if each.change.list:
                began = time.perf_counter()
                await self._done({each.change.version: await self._hindsight.policy(each, placed)})
                metrics.retro_seconds.observe(time.perf_counter() - began)

    async def _done(self, orders: Mapping[int, Sequence[str]]) -> None:
        """These versions are matched: on record first, then nobody's work any more."""
        await self._progress.matched(orders)
        await self._group.acknowledge([f"{version}-0" for version in orders])


def _parse(items: Sequence[Item]) -> list[Work]:
    """In the order of the stream, which is that of the versions."""
    changes = parse_changes([(item_id.encode(), fields) for item_id, fields in items])
    lists = [HashList.from_json(fields[b"was"]) if b"was" in fields else None for _, fields in items]
    return [Work(change, was) for change, was in zip(changes, lists, strict=True)]

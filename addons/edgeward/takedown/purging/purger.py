"""Carries out purge orders at one cache: deliver, verify, repeat. One that is down keeps its orders until it is back.

An order is acknowledged together with its outcome and its repeats, so whatever dies on the way, it is done again:
a purge can be repeated without harm.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from edgeward import metrics
from edgeward.cache_settings import CacheSettings
from edgeward.config import Config, PurgeSettings
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.absence import Absence
from edgeward.takedown.caches import CacheDriver, Purged, driver_for
from edgeward.takedown.purging.jobs import MOST, Job, Jobs
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.purging.results import Results
from edgeward.types import Delivery

logger = logging.getLogger(__name__)

CONCURRENCY = 16
"""Calls of the driver at the same time."""
IN_HAND = 2048
"""So many purges are in hand at most, those included that wait to be tried again; the others stay in the store."""
REPEATS_IN_HAND = IN_HAND // 2
REPEATS_AT_ONCE = 256
BLOCK_MS = 1000
TICK_SECONDS = 0.25
"""How often repeats are looked for."""
CARE_SECONDS = 1.0
"""How often is claimed what others left, kept hold of what is in hand, and reported."""
CLAIM_SECONDS = 5.0
"""What its purger has not held for so long is taken over."""
HOLD_SECONDS = 1.0
"""What has been in hand for so long is held: the rest is fresh, and mostly done soon."""
FULL_SECONDS = 0.02
"""Pause where there is more to take in hand than may be."""
TIER_SECONDS = 0.5
"""How long a purge waits for the caches nearer to the origin."""
TIER_LATE_SECONDS = 5.0
"""When they are not done by then, nobody waits for them during this time."""
TRIM_SECONDS = 3600.0
TOO_MANY_REQUESTS = 429


class Purger:
    """All purges of one cache node. Several purgers of one node, in as many controllers, share its orders.

    Args:
        settings: when purges are repeated, how long a cache that is away is given, how long orders are kept.
        caches: all that are configured: those of lower tiers are purged first.
        consumer: this controller's name, no other's. One that stays the same finds its own unfinished orders after a
            restart at once.
    """

    def __init__(
        self,
        orders: Orders,
        cache: CacheSettings,
        driver: CacheDriver,
        settings: PurgeSettings | None = None,
        caches: Sequence[CacheSettings] = (),
        consumer: str = "",
    ) -> None:
        self._orders, self._driver, self._name = orders, driver, cache.name
        self._settings = settings or PurgeSettings()
        self._inner = [other.name for other in caches if other.tier < cache.tier]
        outer = [other.name for other in caches if other.tier > cache.tier]
        least = driver.abilities.repeat_seconds
        repeats = sorted({max(seconds, least) for seconds in self._settings.repeat_seconds})
        self._results = Results(orders, cache.name, repeats, outer)
        self._consumer = consumer or socket.gethostname()
        self._jobs = Jobs(self._settings.backoff_max_seconds)
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._calls: set[asyncio.Task[None]] = set()
        self._away = False
        self._inner_late_until = 0.0
        self._recovered = False
        self._trimmed = time.monotonic() - TRIM_SECONDS
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        steps = (self._take, self._repeat, self._send, self._record, self._care)
        self._loops = [asyncio.create_task(self._forever(step)) for step in steps]

    async def close(self) -> None:
        """Stop. What is not done stays owed."""
        tasks = [*self._loops, *self._calls]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._driver.close()

    async def _forever(self, step: Callable[[], Awaitable[None]]) -> None:
        absence = Absence(f"cache {self._name}")
        while True:
            try:
                await step()
                absence.over()
                continue
            except STORE_AWAY as error:
                absence.note(error)
            except Exception:
                # A defect must not end the purging for good: it is counted, and the orders stay owed.
                metrics.gate_errors.labels("purger").inc()
                logger.exception("cache %s: defect; going on", self._name)
            await asyncio.sleep(TICK_SECONDS)

    async def _take(self) -> None:
        """Take orders as they come; at first those that this consumer left unfinished in an earlier life."""
        if not self._recovered:
            await self._recover()
        while not (room := min(MOST, IN_HAND - len(self._jobs))) > 0:
            await asyncio.sleep(FULL_SECONDS)
        for order in await self._orders.take(self._name, self._consumer, room, BLOCK_MS):
            self._jobs.add(Job(order))

    async def _recover(self) -> None:
        await self._orders.ensure_group(self._name)
        after = "0"
        while orders := await self._orders.mine(self._name, self._consumer, after):
            for order in orders:
                self._jobs.add(Job(order))
            after = orders[-1].id
        self._recovered = True

    async def _repeat(self) -> None:
        """Begin repeats that are due, not too many at once: new orders come first."""
        room = min(REPEATS_AT_ONCE, REPEATS_IN_HAND - self._jobs.repeats)
        due = await self._orders.due_repeats(self._name, time.time(), room) if room > 0 else []
        for repeat in due:
            self._jobs.add(Job(repeat.order, repeat.member, repeat.previous))
        await asyncio.sleep(FULL_SECONDS if len(due) == room else TICK_SECONDS)

    async def _care(self) -> None:
        """Keep hold of what is in hand, take over what the dead left, report what is owed."""
        await self._orders.ensure_group(self._name)
        held = self._jobs.held(HOLD_SECONDS)
        ids = [job.order.id for job in held if not job.member]
        await self._orders.hold(self._name, self._consumer, ids, [job.member for job in held if job.member])
        if (room := IN_HAND - len(self._jobs)) > 0:
            for order in await self._orders.claim(self._name, self._consumer, int(CLAIM_SECONDS * 1000), room):
                self._jobs.add(Job(order))
        await self._report()
        if time.monotonic() - self._trimmed > TRIM_SECONDS:
            self._trimmed = time.monotonic()
            await self._orders.trim(self._settings.keep_days * 86400)
        await asyncio.sleep(CARE_SECONDS)

    async def _report(self) -> None:
        count, age = await self._orders.pending(self._name)
        metrics.purges_pending.labels(self._name).set(count)
        metrics.purge_oldest_seconds.labels(self._name).set(age)
        metrics.purges_unverified.labels(self._name).set(count + await self._orders.refused(self._name))

    async def _send(self) -> None:
        """Hand the next jobs to the driver."""
        await self._slots.acquire()
        try:
            jobs = await self._jobs.next(min(MOST, self._driver.abilities.batch))
        except BaseException:
            self._slots.release()
            raise
        call = asyncio.create_task(self._call(jobs))
        self._calls.add(call)
        call.add_done_callback(self._end)

    def _end(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._slots.release()

    async def _call(self, jobs: list[Job]) -> None:
        await self._wait_for_inner(jobs)
        try:
            purged = await self._driver.purge([job.order for job in jobs])
        except Exception:
            # A defect of the driver must not lose these, nor end the purging: it is counted, and they are tried again.
            metrics.gate_errors.labels("purger").inc()
            logger.exception("cache %s: defect in a purge", self._name)
            purged = [Purged(Delivery.WAITING, detail="defect of the driver")] * len(jobs)
        self._sort(jobs, purged)

    async def _wait_for_inner(self, jobs: Sequence[Job]) -> None:
        """Lower tiers first: this cache would fill itself again from them. One of them that is down holds up nobody:
        when it has done the order at last, this cache is purged again (`outer` of Orders.done_many)."""
        ids = [job.order.id for job in jobs if not job.member and job.attempts == 1]
        if not self._inner or not ids or time.monotonic() < self._inner_late_until:
            return
        with suppress(*STORE_AWAY):
            if await self._orders.wait_done(ids, self._inner, TIER_SECONDS):
                self._inner_late_until = time.monotonic() + TIER_LATE_SECONDS

    def _sort(self, jobs: Sequence[Job], purged: Sequence[Purged]) -> None:
        """What was done goes on record, the rest waits."""
        failed: list[Job] = []
        now = time.time()
        for job, each in zip(jobs, purged, strict=True):
            if each.delivery is Delivery.WAITING:
                failed.append(job)
            else:
                self._results.put(job, each, now)
        if len(failed) < len(jobs):
            self._note_back()
        if failed:
            self._set_aside(failed, [each for each in purged if each.delivery is Delivery.WAITING], jobs)

    def _set_aside(self, failed: Sequence[Job], purged: Sequence[Purged], call: Sequence[Job]) -> None:
        metrics.purges.labels(self._name, "retried").inc(len(failed))
        asked = max((each.retry_after or 0.0 for each in purged), default=0.0)
        self._jobs.failed(failed, len(failed) < len(call), asked)
        if asked and any(each.status == TOO_MANY_REQUESTS for each in purged):
            self._jobs.shut(asked)
        if not self._away and len(failed) == len(call) and not any(job.alone for job in failed):
            self._away = True
            logger.warning("cache %s is away: %s", self._name, purged[0].detail)

    def _note_back(self) -> None:
        """Something went through: all that waited for the node try again at once."""
        self._jobs.passed()
        if self._away:
            self._away = False
            logger.warning("cache %s is back", self._name)

    async def _record(self) -> None:
        self._jobs.drop(await self._results.write())


def purgers(orders: Orders, config: Config, consumer: str = "") -> list[Purger]:
    """One purger for each configured cache. `consumer`: see Purger."""
    return [Purger(orders, cache, driver_for(cache), config.purge, config.caches, consumer) for cache in config.caches]

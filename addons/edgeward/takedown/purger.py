"""Carries out purge orders at one cache: deliver, verify, repeat. One that is down keeps its orders until it is back.

An order is acknowledged together with its outcome and its repeats, so whatever dies on the way, it is done again:
a purge can be repeated without harm.
"""

import asyncio
import logging
import random
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from edgeward import metrics
from edgeward.config import CacheSettings, Config, PurgeSettings
from edgeward.errors import CacheUnavailable
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.absence import Absence
from edgeward.takedown.caches import CacheDriver, Purged, driver_for
from edgeward.takedown.orders import GONE, Orders
from edgeward.types import Delivery, Outcome, PurgeOrder

logger = logging.getLogger(__name__)

CONCURRENCY = 16
"""Purges at one cache at the same time, and commands to the store for them."""
IN_HAND = 512
"""About so many purges are in hand at most, those included that wait to be tried again."""
BLOCK_MS = 1000
TICK_SECONDS = 0.25
"""How often repeats are looked for."""
CARE_TICKS = 4
"""Every so many ticks: claim what others left, keep hold of what is in hand, report."""
CLAIM_SECONDS = 10.0
FIRST_BACKOFF_SECONDS = 0.05
REFUSED_SECONDS = 300.0
"""A refused purge is tried again so rarely: the configuration may have been put right."""
TIER_SECONDS = 0.5
"""How long a purge waits for the caches nearer to the origin."""
TIER_LATE_SECONDS = 5.0
"""When they are not done by then, nobody waits for them during this time."""
TRIM_SECONDS = 3600.0


@dataclass(slots=True)
class _Job:
    """One purge: the first of its order, or (with a `member`) a repeat."""

    order: PurgeOrder
    member: str = ""
    previous: Outcome | None = None
    attempts: int = 0

    @property
    def first(self) -> bool:
        """Nothing has removed the target yet."""
        return not self.member or self.previous is None or self.previous.delivery not in GONE


class Purger:
    """All purges of one cache node.

    Args:
        settings: when purges are repeated, how long a cache that is away is given, how long orders are kept.
        caches: all that are configured: those of lower tiers are purged first.
        consumer: this controller's name. One that stays the same finds its own unfinished orders after a restart.
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
        self._caches = [other.name for other in caches]
        self._inner = [other.name for other in caches if other.tier < cache.tier]
        self._outer = [other.name for other in caches if other.tier > cache.tier]
        self._consumer = consumer or socket.gethostname()
        self._jobs: dict[tuple[str, str], tuple[_Job, asyncio.Task[None]]] = {}
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._absence = Absence(f"cache {cache.name}")
        self._failures = 0
        self._refused = False
        self._back = asyncio.Event()
        self._inner_late_until = 0.0
        self._recovered = False
        self._ticks = 0
        self._trimmed = time.monotonic() - TRIM_SECONDS
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._loops = [asyncio.create_task(self._forever(step)) for step in (self._take, self._care)]

    async def close(self) -> None:
        """Stop. What is not done stays owed."""
        tasks = [*self._loops, *(task for _, task in self._jobs.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._driver.close()

    async def _forever(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
                self._absence.over()
                continue
            except STORE_AWAY as error:
                self._absence.note(error)
            except Exception:
                # A defect must not end the purging for good: it is counted, and the orders stay owed.
                metrics.gate_errors.labels("purger").inc()
                logger.exception("cache %s: defect; going on", self._name)
            await asyncio.sleep(TICK_SECONDS)

    async def _take(self) -> None:
        """Take orders as they come; at first those that this consumer left unfinished in an earlier life."""
        if not self._recovered:
            await self._recover()
        while len(self._jobs) >= IN_HAND:
            await asyncio.sleep(TICK_SECONDS)
        for order in await self._orders.take(self._name, self._consumer, CONCURRENCY, BLOCK_MS):
            self._begin(_Job(order))

    async def _recover(self) -> None:
        await self._orders.ensure_group(self._name)
        after = "0"
        while orders := await self._orders.mine(self._name, self._consumer, after):
            for order in orders:
                self._begin(_Job(order))
            after = orders[-1].id
        self._recovered = True

    async def _care(self) -> None:
        """Begin repeats that are due, and from time to time look after the rest."""
        if len(self._jobs) < IN_HAND:
            for repeat in await self._orders.due_repeats(self._name, time.time()):
                self._begin(_Job(repeat.order, repeat.member, repeat.previous))
        if self._ticks % CARE_TICKS == 0:
            await self._look_after()
        self._ticks += 1
        await asyncio.sleep(TICK_SECONDS)

    async def _look_after(self) -> None:
        """Keep hold of what is in hand, take over what the dead left, report what is owed."""
        await self._orders.ensure_group(self._name)
        jobs = [job for job, _ in self._jobs.values()]
        ids = [job.order.id for job in jobs if not job.member]
        await self._orders.hold(self._name, self._consumer, ids, [job.member for job in jobs if job.member])
        if len(self._jobs) < IN_HAND:
            for order in await self._orders.claim(self._name, self._consumer, int(CLAIM_SECONDS * 1000)):
                self._begin(_Job(order))
        count, age = await self._orders.pending(self._name)
        metrics.purges_pending.labels(self._name).set(count)
        metrics.purge_oldest_seconds.labels(self._name).set(age)
        if self._caches and time.monotonic() - self._trimmed > TRIM_SECONDS:
            self._trimmed = time.monotonic()
            await self._orders.trim(self._caches, self._settings.keep_days * 86400)

    def _begin(self, job: _Job) -> None:
        """Work on a job, unless it is in hand already."""
        key = (job.order.id, job.member)
        if key not in self._jobs:
            task = asyncio.create_task(self._work(job))
            self._jobs[key] = (job, task)
            task.add_done_callback(lambda task: self._end(key, task))

    def _end(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        del self._jobs[key]
        if not task.cancelled() and (error := task.exception()):
            # It stays owed, and is claimed again after CLAIM_SECONDS.
            metrics.gate_errors.labels("purger").inc()
            logger.error("cache %s: defect in a purge", self._name, exc_info=error)

    async def _work(self, job: _Job) -> None:
        while True:
            async with self._slots:
                await self._wait_for_inner(job)
                if await self._try(job):
                    return
            await self._pause(job.attempts)

    async def _wait_for_inner(self, job: _Job) -> None:
        """Lower tiers first: this cache would fill itself again from them. One of them that is down holds up nobody:
        when it has done the order at last, this cache is purged again (`outer` of Orders.done)."""
        if not self._inner or job.member or job.attempts or time.monotonic() < self._inner_late_until:
            return
        with suppress(*STORE_AWAY):
            if await self._orders.wait_done([job.order.id], self._inner, TIER_SECONDS):
                self._inner_late_until = time.monotonic() + TIER_LATE_SECONDS

    async def _try(self, job: _Job) -> bool:
        """Purge and record it. False: the cache or the store is away."""
        job.attempts += 1
        try:
            purged = await self._driver.purge(job.order.target)
        except CacheUnavailable as error:
            self._note_away(error)
            return False
        self._note_back()
        try:
            await self._record(job, purged)
        except STORE_AWAY:
            # Purged, but not on record: it is purged once more.
            return False
        return True

    def _note_away(self, error: CacheUnavailable) -> None:
        metrics.purges.labels(self._name, "retried").inc()
        self._failures += 1
        if self._failures == 1:
            logger.warning("cache %s is away: %s", self._name, error)

    def _note_back(self) -> None:
        """After a time in which nothing went through, all that wait try again at once."""
        if self._failures >= min(CONCURRENCY, len(self._jobs)):
            self._back.set()
            self._back = asyncio.Event()
            logger.warning("cache %s is back", self._name)
        self._failures = 0

    async def _pause(self, attempts: int) -> None:
        longest = min(self._settings.backoff_max_seconds, FIRST_BACKOFF_SECONDS * 2 ** min(attempts, 20))
        with suppress(TimeoutError):
            async with asyncio.timeout(longest * random.uniform(0.5, 1.0)):
                await self._back.wait()

    async def _record(self, job: _Job, purged: Purged) -> None:
        now = time.time()
        again = not job.first and bool(purged.count)
        outcome = Outcome(job.order.id, self._name, purged.delivery, now, job.attempts, purged.status, purged.detail)
        if again:
            outcome = _stored_again(outcome, job.previous)
        keep = not (job.first or again)
        outer = self._outer if job.first or again else ()
        due = self._repeats(job, purged.delivery, now)
        await self._orders.done(self._name, job.order, None if keep else outcome, due, job.member, outer)
        self._count(job, purged, again, now)

    def _repeats(self, job: _Job, delivery: Delivery, now: float) -> list[float]:
        if delivery is Delivery.REFUSED:
            return [now + REFUSED_SECONDS * random.uniform(0.8, 1.2)]
        return [now + seconds for seconds in self._settings.repeat_seconds] if job.first else []

    def _count(self, job: _Job, purged: Purged, again: bool, now: float) -> None:
        refused = purged.delivery is Delivery.REFUSED
        if refused and not self._refused:
            logger.error("cache %s refuses purges: %s", self._name, purged.detail)
        self._refused = refused
        if job.first or refused:
            metrics.purges.labels(self._name, purged.delivery).inc()
        if again:
            metrics.purges.labels(self._name, "stored_again").inc()
        if job.first and purged.delivery in GONE:
            metrics.linger_seconds.labels(self._name).observe(max(0.0, now - job.order.started_at))


def _stored_again(outcome: Outcome, previous: Outcome | None) -> Outcome:
    attempts = outcome.attempts + (previous.attempts if previous else 0)
    detail = "a repeat removed a copy that was stored again"
    return Outcome(outcome.order_id, outcome.cache, outcome.delivery, outcome.at, attempts, outcome.status, detail)


def purgers(orders: Orders, config: Config) -> list[Purger]:
    """One purger for each configured cache."""
    return [Purger(orders, cache, driver_for(cache), config.purge, config.caches) for cache in config.caches]

"""Carries out purge orders at one cache: send, verify, repeat. A cache that is down gets its orders when it is back.

An order is acknowledged in the same step that records its outcome and schedules its repeats. If the purger dies before
that, the order is done again, which is safe: purging is idempotent.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.caches import CacheDriver, Purged, driver_for
from edgeward.caches.raw_http import MAX_UNPIPELINED
from edgeward.purging.orders import CARRIED_OUT, Orders
from edgeward.purging.other_key_forms import OtherKeyForms
from edgeward.purging.outcome_writer import OutcomeWriter
from edgeward.purging.retry_queue import MAX_CALL_SIZE, Lane, QueuedPurge, RetryQueue
from edgeward.settings.cache_settings import CacheSettings
from edgeward.settings.config import Config, PurgeSettings
from edgeward.store.connection import STORE_AWAY
from edgeward.types import Delivery, Outcome

logger = logging.getLogger(__name__)

MAX_CONCURRENT_CALLS = 16
"""Calls of the driver at the same time ..."""
MAX_SLOW_CALLS = 4
"""... and besides, calls with slow purges: these wait for fetches of the cache until they time out ..."""
MAX_UNANSWERED_CALLS = 8
"""... and calls with purges that were ordered to wait in the cache, since nobody has answered a request ..."""
MAX_MATCH_CALLS = 4
"""... and calls with purges of matches in transit, for which those of a listing do not wait."""
SLOW_CALL_SIZE = MAX_UNPIPELINED
"""Slow purges in one call: each has a connection of its own, so that none waits for another."""
UNANSWERED_TIMEOUT_MS = 1500
"""Longest that such a purge waits for its answer in one call. Only then it is known that it waits in the cache; those
who wait for a listing do so for a few seconds only (takedowns/steps.py: UNJUDGED_SECONDS), whatever `timeout_ms` is."""
MAX_HELD = 2048
"""Purges held in memory, those included that wait for a retry; all others stay in the store. As many slow ones."""
MAX_HELD_MATCHES = 10_000
"""Purges of matches in transit besides: more than workers let a cache owe (order_room.py), so that others are taken."""
MAX_HELD_BYTES = 64 * 1024 * 1024
"""Memory of all purges that are held. From half of it on no repeats are added."""
MAX_HELD_REPEATS = MAX_HELD // 2
REPEATS_PER_READ = 256
BLOCK_MS = 1000
TICK_SECONDS = 0.25
"""Pause between two looks for due repeats, and for failed attempts."""
FAILURES_PER_ROUND = 512
"""Failed attempts that are noted at once."""
MAINTENANCE_SECONDS = 1.0
"""Pause between two rounds of `_maintain`."""
CLAIM_SECONDS = 5.0
"""Orders whose lease was not renewed for this long are taken over: their controller is dead."""
RENEW_AFTER_SECONDS = 1.0
"""Leases are renewed for purges held longer than this: most others are done soon anyway."""
FULL_PAUSE_SECONDS = 0.02
"""Pause while as many purges are held as may be."""
TIER_WAIT_SECONDS = 0.5
"""How long a purge waits for the caches of lower tiers."""
TIER_SKIP_SECONDS = 5.0
"""If they take longer, no purge waits for them for this time."""
KEY_SECONDS = 5.0
"""Pause between two looks at what is known of the cache's key."""
TRIM_SECONDS = 3600.0
"""Pause between two rounds of `_trim`."""
TOO_MANY_REQUESTS = 429


class Purger:
    """All purges of one cache node. Purgers of the same node in several controllers share its orders.

    Args:
        settings: when purges are repeated, the longest pause between retries, how long orders are kept.
        caches: all configured caches: those of lower tiers are purged first.
        consumer: a name unique to this controller. If it is the same after a restart, the controller continues its own
            unfinished orders at once.
        impatient: a driver of the same node for purges that wait in the cache, which soon says that they do. None: the
            same driver.
    """

    def __init__(
        self,
        orders: Orders,
        cache: CacheSettings,
        driver: CacheDriver,
        settings: PurgeSettings | None = None,
        caches: Sequence[CacheSettings] = (),
        consumer: str = "",
        impatient: CacheDriver | None = None,
    ) -> None:
        self._orders, self._driver, self._name = orders, driver, cache.name
        self._impatient = impatient or driver
        self._settings = settings or PurgeSettings()
        self._inner = [other.name for other in caches if other.tier < cache.tier]
        outer = [other.name for other in caches if other.tier > cache.tier]
        # A repeat before the cache's minimum would be useless, so it is moved to the minimum.
        earliest = driver.abilities.repeat_seconds
        repeats = sorted({max(seconds, earliest) for seconds in self._settings.repeat_seconds})
        self._other_forms = OtherKeyForms(cache.name, orders.key_mismatches)
        self._outcome_writer = OutcomeWriter(orders, cache.name, repeats, outer)
        self.consumer = consumer or socket.gethostname()
        self._queue = RetryQueue(self._settings.backoff_max_seconds)
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self._slow_slots = asyncio.Semaphore(MAX_SLOW_CALLS)
        self._unanswered_slots = asyncio.Semaphore(MAX_UNANSWERED_CALLS)
        self._match_slots = asyncio.Semaphore(MAX_MATCH_CALLS)
        self._calls: set[asyncio.Task[None]] = set()
        self._node_down = False
        self._skip_tiers_until = 0.0
        self._recovered = False
        self._asked_to_retry: int | None = None
        # A defect in one step must not end the others: the orders stay owed.
        self._loops = [
            self._loop("new orders", self._take),
            self._loop("repeats", self._repeat),
            self._loop("calls", self._send),
            self._loop("calls that may wait", self._send_slow),
            self._loop("calls that wait", self._send_unanswered),
            self._loop("calls for matches", self._send_matches),
            self._loop("outcomes", self._record),
            self._loop("leases", self._maintain),
            self._loop("failed attempts", self._note_failures, pause_seconds=TICK_SECONDS),
            self._loop("cache key", self._other_forms.refresh, pause_seconds=KEY_SECONDS),
            # Apart from the leases, which must be renewed while it runs.
            self._loop("old orders", self._trim, pause_seconds=TRIM_SECONDS),
        ]

    def _loop(self, what: str, step: Callable[[], Awaitable[None]], pause_seconds: float = 0.0) -> WorkerLoop:
        return WorkerLoop(
            f"cache {self._name}, {what}",
            step,
            metric_label="purger",
            retry_seconds=TICK_SECONDS,
            pause_seconds=pause_seconds,
        )

    @property
    def held(self) -> int:
        """How many purges are held in memory, sent or waiting."""
        return len(self._queue)

    async def start(self) -> None:
        for loop in self._loops:
            await loop.start()

    async def close(self) -> None:
        """Stop. Unfinished orders stay owed."""
        # The loops first: one of them starts calls.
        await asyncio.gather(*(loop.close() for loop in self._loops))
        calls = [*self._calls]
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._driver.close()
        if self._impatient is not self._driver:
            await self._impatient.close()

    async def _take(self) -> None:
        """Take new orders as they come. The first call takes the orders that this consumer left at a restart."""
        if not self._recovered:
            await self._recover()
        while not (free := min(MAX_CALL_SIZE, self._room(MAX_HELD))) > 0:
            await asyncio.sleep(FULL_PAUSE_SECONDS)
        for order in await self._orders.take(self._name, self.consumer, free, BLOCK_MS):
            self._queue.add(QueuedPurge(order))

    def _room(self, most: int, repeats_only: bool = False) -> int:
        """How many more may be held, if at most that many may that are slow, and as many others. Those of matches have
        room of their own; without any left, none may."""
        counts = self._queue.counts(repeats_only=repeats_only)
        max_bytes = MAX_HELD_BYTES // 2 if repeats_only else MAX_HELD_BYTES
        if self._queue.held_bytes >= max_bytes or counts[Lane.MATCHES] >= max(most, MAX_HELD_MATCHES):
            return 0
        slow, others = counts[Lane.SLOW] + counts[Lane.UNANSWERED], counts[Lane.ORDINARY]
        return min(most - others, 2 * most - slow - others)

    async def _recover(self) -> None:
        await self._orders.ensure_group(self._name)
        after = "0"
        while orders := await self._orders.unfinished(self._name, self.consumer, after):
            for order in orders:
                self._queue.add(QueuedPurge(order, taken_over=True))
            after = orders[-1].id
        # The settings may have been mended.
        await self._orders.refused_retries.release_all(self._name)
        self._recovered = True

    async def _repeat(self) -> None:
        """Queue repeats that are due, in small portions: new orders come first."""
        free = min(REPEATS_PER_READ, self._room(MAX_HELD_REPEATS, repeats_only=True))
        due = await self._orders.due_repeats(self._name, self._orders.clock.now(), free) if free > 0 else []
        for repeat in due:
            self._queue.add(QueuedPurge(repeat.order, repeat.repeat_id, repeat.previous))
        await asyncio.sleep(FULL_PAUSE_SECONDS if len(due) == free else TICK_SECONDS)

    async def _maintain(self) -> None:
        """Renew leases, take over the orders of dead controllers, retry what was refused, and set the gauges."""
        await self._orders.ensure_group(self._name)
        await self._retry_earlier()
        held = self._queue.held_longer_than(RENEW_AFTER_SECONDS)
        order_ids = [purge.order.id for purge in held if not purge.repeat_id]
        repeat_ids = [purge.repeat_id for purge in held if purge.repeat_id]
        await self._orders.renew_leases(self._name, self.consumer, order_ids, repeat_ids)
        if (free := self._room(MAX_HELD)) > 0:
            for order in await self._orders.claim(self._name, self.consumer, int(CLAIM_SECONDS * 1000), free):
                self._queue.add(QueuedPurge(order, taken_over=True))
        count, age = await self._orders.pending(self._name)
        metrics.purges_pending.labels(self._name).set(count)
        metrics.purge_oldest_seconds.labels(self._name).set(age)
        metrics.purges_unverified.labels(self._name).set(count + await self._orders.refused(self._name))
        await asyncio.sleep(MAINTENANCE_SECONDS)

    async def _retry_earlier(self) -> None:
        """Retry what the cache refused, once it carries out purges again, and everything when somebody asks for it."""
        if self._outcome_writer.take_carried_out():
            await self._orders.refused_retries.release(self._name)
        asked = await self._orders.refused_retries.asked(self._name)
        if asked != self._asked_to_retry:
            # What was asked before this controller started was done then.
            if self._asked_to_retry is not None:
                self._queue.retry_now()
            self._asked_to_retry = asked

    async def _note_failures(self) -> None:
        """Put on record why the orders wait that were tried since the last round."""
        failed = self._queue.take_failures(FAILURES_PER_ROUND)
        noted = [
            Outcome(
                purge.order.id,
                self._name,
                Delivery.WAITING,
                self._orders.clock.store_time(),
                purge.attempts,
                purge.failure.status,
                purge.failure.detail,
                purge.removed or None,
                purge.timed_out,
            )
            for purge in failed
            if purge.failure
        ]
        for purge in failed:
            purge.failure = None
        await self._orders.failed_attempts.note(self._name, noted)

    async def _trim(self) -> None:
        """Forget old orders, also of caches that are configured no longer."""
        await self._orders.ensure_group(self._name)
        await self._orders.trim(self._settings.keep_days * 86400)

    async def _send(self) -> None:
        """Start a call of the driver with the next purges."""
        await self._start_call(self._slots, MAX_CALL_SIZE, Lane.ORDINARY)

    async def _send_slow(self) -> None:
        await self._start_call(self._slow_slots, SLOW_CALL_SIZE, Lane.SLOW)

    async def _send_unanswered(self) -> None:
        await self._start_call(self._unanswered_slots, SLOW_CALL_SIZE, Lane.UNANSWERED)

    async def _send_matches(self) -> None:
        await self._start_call(self._match_slots, MAX_CALL_SIZE, Lane.MATCHES)

    async def _start_call(self, slots: asyncio.Semaphore, limit: int, lane: Lane) -> None:
        await slots.acquire()
        try:
            purges = await self._queue.next(min(limit, self._driver.abilities.batch), lane)
        except BaseException:
            slots.release()
            raise
        driver = self._impatient if lane is Lane.UNANSWERED else self._driver
        call = asyncio.create_task(self._call(purges, driver))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        call.add_done_callback(lambda _: slots.release())

    async def _call(self, purges: list[QueuedPurge], driver: CacheDriver) -> None:
        await self._wait_for_lower_tiers(purges)
        for purge in purges:
            purge.sent_at = self._orders.clock.store_time()
        try:
            ordered = [purge.order for purge in purges]
            results = await driver.purge(ordered)
            results = await self._other_forms.purge(driver, ordered, results)
            results = self._orders.controllers.as_known(self._name, results)
        except Exception:
            # A defect of the driver must not lose these purges or stop the purger: it is counted, and they are retried.
            metrics.gate_errors.labels("purger").inc()
            logger.exception("cache %s: defect in the driver", self._name)
            results = [Purged(Delivery.WAITING, detail="defect of the driver", unanswered=True)] * len(purges)
        self._handle_results(purges, results)

    async def _wait_for_lower_tiers(self, purges: Sequence[QueuedPurge]) -> None:
        """Let the lower tiers purge first: this cache would fetch the image from them again.

        A lower cache that is down delays the others only briefly. When it has done the order after all, this cache is
        purged again (`purge_outer` of PurgeResult).
        """
        ids = [purge.order.id for purge in purges if not purge.repeat_id and purge.attempts == 1]
        if not self._inner or not ids or time.monotonic() < self._skip_tiers_until:
            return
        with suppress(*STORE_AWAY):
            # Slow purges are late there because of a fetch: the others need not be.
            if await self._orders.wait_done(ids, self._inner, TIER_WAIT_SECONDS) and not purges[0].slow:
                self._skip_tiers_until = time.monotonic() + TIER_SKIP_SECONDS

    def _handle_results(self, purges: Sequence[QueuedPurge], results: Sequence[Purged]) -> None:
        """Record what was done, and queue the rest for a retry."""
        now = self._orders.clock.store_time()
        failed: list[QueuedPurge] = []
        failures: list[Purged] = []
        carried_out = any(result.delivery in CARRIED_OUT for result in results)
        for purge, result in zip(purges, results, strict=True):
            purge.refused_alone = carried_out and result.delivery is Delivery.REFUSED
            if result.delivery is Delivery.WAITING:
                purge.removed += result.count or 0
                purge.unanswered |= result.unanswered
                purge.timed_out = result.timed_out and self._driver.abilities.waits
                # A failed repeat is not owed: the order was carried out before.
                purge.failure = None if purge.repeat_id else result
                failed.append(purge)
                failures.append(result)
            else:
                self._outcome_writer.put(purge, result, now)
        some_succeeded = len(failed) < len(purges)
        if some_succeeded:
            self._queue.note_success()
            if self._node_down:
                self._node_down = False
                logger.info("cache %s carries out purges again", self._name)
        if not failed:
            return
        metrics.purges.labels(self._name, "retried").inc(len(failed))
        retry_after = max(result.retry_after or 0.0 for result in failures)
        self._queue.note_failure(failed, some_succeeded, retry_after)
        # 429 limits the client (RFC 6585, section 4): it stops all purges. Another Retry-After delays its call only.
        if retry_after and any(result.status == TOO_MANY_REQUESTS for result in failures):
            self._queue.pause(retry_after)
        if not self._node_down and not some_succeeded and not any(purge.own_failure for purge in failed):
            self._node_down = True
            detail = failures[0].detail
            logger.warning(
                "cache %s does not carry out purges (%s): its orders wait and are retried", self._name, detail
            )

    async def _record(self) -> None:
        self._queue.remove(await self._outcome_writer.write())


def purgers(orders: Orders, config: Config, consumer: str = "") -> list[Purger]:
    """One purger for each configured cache. `consumer`: see Purger."""
    return [
        Purger(orders, cache, driver_for(cache), config.purge, config.caches, consumer, _impatient_driver(cache))
        for cache in config.caches
    ]


def _impatient_driver(cache: CacheSettings) -> CacheDriver | None:
    """A driver of this cache that waits UNANSWERED_TIMEOUT_MS at most; None where no purge waits, or none so long."""
    if not driver_for(cache).abilities.waits or cache.timeout_ms <= UNANSWERED_TIMEOUT_MS:
        return None
    return driver_for(cache.model_copy(update={"timeout_ms": UNANSWERED_TIMEOUT_MS}))

"""The controller's side of the origin check: asks origins for served images, and purges those that are gone.

Several controllers share the queue. While a host is down, nothing of it is purged, and it is asked less and less often.
"""

import asyncio
import logging
import random
from collections import Counter
from functools import partial

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.origin_check.answer_judge import AnswerJudge
from edgeward.origin_check.check_ages import CheckAges
from edgeward.origin_check.host_answers import HostAnswers
from edgeward.origin_check.host_pauses import PAUSE_SECONDS, HostPauses
from edgeward.origin_check.host_problems import HostProblems, HostState, counted_by_table
from edgeward.origin_check.host_tables import describe_host, table_of, tables
from edgeward.origin_check.origin import Origin, OriginAnswer, OriginState
from edgeward.origin_check.pacing import MOST_CHECKS_PER_CHECK_TIME, PERIODS_PER_CHECK_TIME, Pacer
from edgeward.origin_check.picture_comparison import PictureComparison
from edgeward.origin_check.queue import LastCheck, Permission, ServedTarget, SweepQueue
from edgeward.origin_check.refilled_targets import Next, RefilledTargets
from edgeward.policy.unscanned_targets import UnscannedTargets
from edgeward.purging.orders import Orders
from edgeward.settings.config import Config
from edgeward.sightings.sightings import Sightings
from edgeward.types import Cause, PurgeOrder, distinct_targets

logger = logging.getLogger(__name__)

CONCURRENT_CHECKS = 32
CONCURRENT_CHECKS_OF_HOST = 8
"""So many of one host: if it hangs, the others are checked nevertheless."""
TICK_SECONDS = 0.25
SHOW_SECONDS = 5.0
"""Time between two looks at what waits, and at the hosts with problems."""
AFTER_PAUSE_SECONDS = 2.0
"""Targets of a host that was down are queued again at a random time in this many seconds after its pause."""
FOLLOWED_SECONDS = 24 * 3600.0
"""How long a target is followed in placement front after it was served last."""
DAY_SECONDS = 24 * 3600.0
MAX_HOSTS = 1000
"""Hosts whose connections and paces are remembered, the latest."""
MAX_VARIANTS = 1000
"""Variants of one removed target that are purged with it. Further ones are checked by themselves."""
WHY = {
    "gone": "the origin has removed it",
    "replaced": "the origin has another image there",
    "private": "the origin no longer shows it to everyone",
}
"""The reason in the purge orders, by result of the check."""


class Sweeper:
    """Takes served targets off the queue, checks them, and places purge orders for those that are gone or replaced.

    Each target that was taken gets its next time, whatever the origin answered, unless it was purged or has expired.
    """

    def __init__(
        self, config: Config, queue: SweepQueue, sightings: Sightings, orders: Orders, pool: HasherPool
    ) -> None:
        self._config, self._settings = config, config.sweep
        self._queue, self._sightings = queue, sightings
        self._orders, self._unscanned = orders, UnscannedTargets(config.scan_exceptions)
        caches = [cache.name for cache in config.caches]
        self._refilled = RefilledTargets(sightings.store, orders, caches, config.purge.repeat_seconds)
        # Placement fill does not see cache hits, so a share of all responses can't be computed: only the rate per host
        # limits the requests.
        self._sees_hits = config.proxy.placement == "front"
        self._second_look_seconds = config.sweep.within_seconds / MOST_CHECKS_PER_CHECK_TIME
        self._table = partial(describe_host, config)
        answers = HostAnswers(
            sightings.store, self._second_look_seconds, config.sweep.hold_seconds, config.sweep.hold_share
        )
        pictures = PictureComparison(sightings, pool, "pdq" in config.hashing.signals)
        self._judge = AnswerJudge(answers, pictures, queue.now, config.sweep.private == "keep", self._table)
        self._origins: dict[str, Origin | None] = {}
        self._pauses = HostPauses()
        self._problems = HostProblems(sightings.store, config)
        self._ages = CheckAges(config.sweep.within_seconds)
        self._shown_at = 0.0
        # Each with its host.
        self._checks: dict[asyncio.Task[bool], str] = {}
        # When a request to a host was last refused by its rate. Once in each of the pacer's periods is enough.
        self._refused: dict[str, float] = {}
        self._pacers: dict[str, Pacer] = {}
        self._loop = WorkerLoop(
            "sweep", self._step, metric_label="sweep", retry_seconds=TICK_SECONDS, pause_seconds=TICK_SECONDS
        )

    async def start(self) -> None:
        if self._settings.enabled:
            await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()
        for check in self._checks:
            check.cancel()
        await asyncio.gather(*self._checks, return_exceptions=True)
        self._checks.clear()
        for origin in self._origins.values():
            if origin:
                origin.close()

    async def _step(self) -> int:
        """Begin some checks. Returns how many asked an origin, of those that have ended.

        A slow check goes on meanwhile: it delays no other, and a host has only some of them at the same time.
        """
        if free := CONCURRENT_CHECKS - len(self._checks):
            busy = Counter(self._checks.values())
            leave_out = [host for host, count in busy.items() if count >= CONCURRENT_CHECKS_OF_HOST]
            per_second, most = self._settings.per_second, CONCURRENT_CHECKS_OF_HOST
            now = self._queue.now()
            oldest = now - self._settings.within_seconds / PERIODS_PER_CHECK_TIME
            self._refused = {host: at for host, at in self._refused.items() if oldest < at <= now}
            for served in await self._queue.take(free, per_second, leave_out, most, self._refused):
                self._checks[asyncio.create_task(self._check(served))] = served.target.host
        await self._show()
        if self._checks:
            await asyncio.wait(self._checks, timeout=TICK_SECONDS)
        return self._end_checks()

    def _end_checks(self) -> int:
        """Take the results of checks that have ended. Returns how many of them asked an origin."""
        ended = [check for check in self._checks if check.done()]
        for check in ended:
            del self._checks[check]
        errors = [error for check in ended if (error := _error_of(check))]
        for error in errors[1:]:
            self._loop.report_failure(error)
        if errors:
            raise errors[0]
        return sum(check.result() for check in ended)

    async def _check(self, served: ServedTarget) -> bool:
        """Check one target. Returns whether its origin was asked."""
        now, host = self._queue.now(), served.target.host
        origin = self._origin(host)
        if (
            origin is None
            or served.target in self._unscanned
            or now - served.at > self._followed_seconds()
            or await self._refilled.is_unfollowed(served, now)
        ):
            await self._queue.forget(served)
            return False
        if now < (paused_until := self._pauses.end(host, now)):
            # Woken when it is served again: the pause may have ended early, by another target's answer.
            await self._queue.postpone(served, paused_until + random.uniform(0, AFTER_PAUSE_SECONDS), wake=True)
            return False
        pacer = self._pacer(host)
        last = await self._queue.last_check(served)
        if last and last.at > now + 1:  # The clock was set back: how long ago that was is not known.
            last = None
        if last and now - last.at < pacer.shortest:
            await self._queue.postpone(served, last.at + pacer.shortest)
            return False
        permission = await self._permission(served)
        if last:  # checks of new targets are no consequence of the pace
            pacer.note(permission is Permission.GRANTED, now)
        if permission is not Permission.GRANTED:
            return False
        answer = await origin.check(served.target, served.image, last, now)
        # One that nobody requested before its last check was not late until it was requested again.
        if last and served.views and not served.idle:
            metrics.sweep_interval_seconds.observe(now - last.at)
            self._ages.note(table_of(self._config, host), now - last.at, now)
        elapsed = now - last.at if last else now - served.at
        await self._conclude(served, answer, pacer.interval(served.views, elapsed, served.idle + 1))
        return True

    async def _ask_again(self, served: ServedTarget) -> OriginAnswer:
        """Ask for a target to prove something. It is charged to the limits, which may forbid the next requests."""
        origin, host = self._origin(served.target.host), served.target.host
        if origin is None:
            return OriginAnswer(OriginState.UNCLEAR)
        await self._queue.charge(host, self._settings.per_second, self._sees_hits)
        return await origin.check(served.target, served.image, None, self._queue.now())

    async def _permission(self, served: ServedTarget) -> Permission:
        """Whether the limits allow a request now. If not, the target goes back to its place in the queue."""
        host = served.target.host
        permission = await self._queue.request_permission(host, self._settings.per_second, self._sees_hits)
        if permission is Permission.OVER_HOST_RATE:
            self._refused[host] = self._queue.now()
        if permission is not Permission.GRANTED:
            await self._queue.put_back([served])
        return permission

    async def _conclude(self, served: ServedTarget, answer: OriginAnswer, interval: float) -> None:
        """Act on the answer: purge the target, or give it its next time, `interval` seconds from now."""
        now, host = self._queue.now(), served.target.host
        await self._note_host(served, answer)
        result = await self._judge.judge(served, answer, self._ask_again)
        if result in WHY and (what_next := await self._refilled.next(served, now)) is not Next.PURGE:
            result = what_next
        metrics.sweep_checks.labels(result).inc()
        if result in WHY or result in Next:
            if result in WHY:
                await self._place_orders(served, result)
            await self._queue.record_check(served, LastCheck(now))
            await self._queue.forget(served)
        elif result == "same":
            await self._refilled.note_same(served)
            await self._queue.record_check(served, answer.checked, now + interval)
        elif answer.state is OriginState.DOWN and now < (paused_until := self._pauses.end(host, now)):
            await self._queue.postpone(served, paused_until + random.uniform(0, AFTER_PAUSE_SECONDS), wake=True)
        elif result == "refused":
            await self._queue.postpone(served, now + self._second_look_seconds)
        else:
            pause = min(answer.retry_after, PAUSE_SECONDS[1])
            await self._queue.postpone(served, now + max(interval, pause), checked=True)

    def _followed_seconds(self) -> float:
        """How long a target is followed after it was served last. Placement fill does not see when that was."""
        return FOLLOWED_SECONDS if self._sees_hits else self._config.sightings.keep_days * DAY_SECONDS

    async def _place_orders(self, served: ServedTarget, result: str) -> None:
        """Order purges of the target and of the variants of it that were seen.

        Not of other queries: what the origin answers to one says nothing of the others, and each is followed by itself.
        """
        now = self._queue.now()
        known = await self._sightings.images_by_id([served.image])
        sha256 = known[0].sha256 if known else ""
        records = await self._sightings.find(served.target.url, limit=MAX_VARIANTS)
        targets = distinct_targets([served.target, *(record.target for record in records)])
        order_id, *_ = await self._orders.place(
            [PurgeOrder(target, Cause.ORIGIN, now, sha256, why=WHY[result], by="sweep") for target in targets]
        )
        await self._refilled.note_purge(served, order_id, now)

    def _origin(self, host: str) -> Origin | None:
        """The host's origin; None if the configuration names none."""
        if host not in self._origins:
            while len(self._origins) >= MAX_HOSTS:
                oldest = self._origins.pop(next(iter(self._origins)))
                if oldest:
                    oldest.close()
            url = self._config.origin_of(host)
            timeout = self._settings.timeout_ms / 1000
            self._origins[host] = Origin(url, host, timeout, self._config.hashing.max_bytes) if url else None
        return self._origins[host]

    def _pacer(self, host: str) -> Pacer:
        if host not in self._pacers:
            while len(self._pacers) >= MAX_HOSTS:
                del self._pacers[next(iter(self._pacers))]
            self._pacers[host] = Pacer(self._settings, self._sees_hits)
        return self._pacers[host]

    async def _note_host(self, served: ServedTarget, answer: OriginAnswer) -> None:
        """Let a host pause of which several targets fail, and tell people about it; or end its pause."""
        host, now = served.target.host, self._queue.now()
        if answer.state is not OriginState.DOWN:
            if self._pauses.note_answer(host) and await self._problems.note_up(host):
                logger.warning("origin check: the origin of a host of %s answers again", self._table(host))
        elif self._pauses.note_failure(served, now, answer.retry_after) and await self._problems.note_down(
            host, answer.problem, now
        ):
            what = "fails, so removals there are not noticed"
            logger.warning("origin check: the origin of a host of %s %s: %s", self._table(host), what, answer.problem)

    async def _show(self) -> None:
        """Set the metrics of what waits, and of hosts that are late or have problems, from time to time."""
        now = self._queue.now()
        if self._shown_at <= now < self._shown_at + SHOW_SECONDS:
            return
        self._shown_at = now
        total, waiting = await self._queue.waiting()
        metrics.sweep_queue.set(total)
        oldest = {table: self._ages.oldest(table, now) for table in tables(self._config)}
        for host, count in waiting.items():
            # So long it takes until all of them are checked.
            table = table_of(self._config, host)
            oldest[table] = max(oldest[table], count / self._settings.per_second)
        counts = counted_by_table(await self._problems.read(now))
        for table, seconds in oldest.items():
            metrics.sweep_oldest_check_seconds.labels(table).set(seconds)
            for state in HostState:
                metrics.sweep_hosts.labels(table, state).set(counts[table, state])


def _error_of(check: asyncio.Task[bool]) -> Exception | None:
    """Why a check failed. One that was cancelled from elsewhere has failed: else it would look like the sweep's end."""
    error = asyncio.CancelledError() if check.cancelled() else check.exception()
    if error is None or isinstance(error, Exception):
        return error
    return RuntimeError(f"a check ended with {type(error).__name__}")

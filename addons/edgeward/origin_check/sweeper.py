"""The controller's side of the origin check: asks origins for served images, and purges those that are gone.

Several controllers share the queue. While a host is down, nothing of it is purged, and it is asked less and less often.
"""

import asyncio
import logging
import random
from collections.abc import Sequence

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.origin_check.host_answers import HostAnswers, Refusal
from edgeward.origin_check.origin import Origin, OriginAnswer, OriginState
from edgeward.origin_check.pacing import MOST_CHECKS_PER_CHECK_TIME, Pacer
from edgeward.origin_check.queue import LastCheck, Permission, ServedTarget, SweepQueue
from edgeward.purging.image_orders import forgotten_orders
from edgeward.purging.orders import Orders
from edgeward.retromatch.forgotten_purges import ForgottenPurges
from edgeward.settings.config import Config
from edgeward.sightings.forgotten import prefix_of
from edgeward.sightings.sightings import Sightings
from edgeward.types import DEFAULT_RADIUS, Cause, Fingerprint, PurgeOrder, distinct_targets

logger = logging.getLogger(__name__)

CONCURRENT_CHECKS = 32
TICK_SECONDS = 0.25
HOST_PAUSE_SECONDS = (5.0, 300.0)
"""How long no request is sent to a host that is down: the first pause, and the longest."""
AFTER_PAUSE_SECONDS = 2.0
"""Targets of a host that was down are queued again at a random time in this many seconds after its pause."""
OVER_RATE_PAUSE_SECONDS = (1.0, 3.0)
"""A target whose host is over its rate is queued again after a random time in this range."""
FOLLOWED_SECONDS = 24 * 3600.0
"""How long a target is followed in placement front after it was served last."""
DAY_SECONDS = 24 * 3600.0
MAX_HOSTS = 1000
"""Hosts whose connections, pauses and paces are remembered, the latest."""
MAX_EQUIVALENT_TARGETS = 1000
"""Equivalent URLs and variants of one removed target that are purged with it one by one; others by prefix."""
WHY = {
    "gone": "the origin has removed it",
    "replaced": "the origin has another image there",
    "private": "the origin no longer shows it to everyone",
}
"""The reason in the purge orders, by result of the check."""
RESULT_OF_REFUSAL = {
    Refusal.UNKNOWN: "kept",
    Refusal.FIRST: "refused",
    Refusal.HELD: "held",
    Refusal.CONFIRMED: "private",
}


class Sweeper:
    """Takes served targets off the queue, checks them, and places purge orders for those that are gone or replaced.

    Each target that was taken gets its next time, whatever the origin answered, unless it was purged or has expired.
    """

    def __init__(
        self, config: Config, queue: SweepQueue, sightings: Sightings, orders: Orders, pool: HasherPool
    ) -> None:
        self._config, self._settings = config, config.sweep
        self._queue, self._sightings, self._pool = queue, sightings, pool
        self._purges = ForgottenPurges(sightings.store, sightings.forgotten, orders)
        # Placement fill does not see cache hits, so a share of all responses can't be computed: only the rate per host
        # limits the requests.
        self._sees_hits = config.proxy.placement == "front"
        self._second_look_seconds = config.sweep.within_seconds / MOST_CHECKS_PER_CHECK_TIME
        self._answers = HostAnswers(sightings.store, self._second_look_seconds, config.sweep.hold_seconds)
        self._origins: dict[str, Origin | None] = {}
        # By host that is down: when its pause ends (Unix seconds), and how long it is.
        self._pauses: dict[str, tuple[float, float]] = {}
        self._pacers: dict[str, Pacer] = {}
        self._loop = WorkerLoop(
            "sweep", self._step, metric_label="sweep", retry_seconds=TICK_SECONDS, pause_seconds=TICK_SECONDS
        )

    async def start(self) -> None:
        if self._settings.enabled:
            await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()
        for origin in self._origins.values():
            if origin:
                origin.close()

    async def _step(self) -> int:
        """Check some targets at the same time. Returns for how many the origin was asked."""
        taken = await self._queue.take(CONCURRENT_CHECKS)
        metrics.sweep_queue.set(await self._queue.length())
        results = await asyncio.gather(*map(self._check, taken), return_exceptions=True)
        errors = [_as_exception(result) for result in results if isinstance(result, BaseException)]
        for error in errors[1:]:
            self._loop.report_failure(error)
        if errors:
            raise errors[0]
        return sum(result is True for result in results)

    async def _check(self, served: ServedTarget) -> bool:
        """Check one target. Returns whether its origin was asked."""
        now, host = self._queue.clock.now(), served.target.host
        origin = self._origin(host)
        if origin is None or now - served.at > self._followed_seconds():
            await self._queue.forget(served)
            return False
        if now < (paused_until := self._pauses.get(host, (0.0, 0.0))[0]):
            # Woken when it is served again: the pause may have ended early, by another target's answer.
            await self._queue.postpone(served, paused_until + random.uniform(0, AFTER_PAUSE_SECONDS), wake=True)
            return False
        pacer = self._pacer(host)
        last = await self._queue.last_check(served)
        if last and now - last.at < pacer.shortest:
            await self._queue.postpone(served, last.at + pacer.shortest)
            return False
        permission = await self._permission(served, now)
        if last:  # checks of new targets are no consequence of the pace
            pacer.note(permission is Permission.GRANTED, now)
        if permission is not Permission.GRANTED:
            return False
        answer = await origin.check(served.target, served.image, last, now)
        if last and served.views:
            metrics.sweep_interval_seconds.observe(now - last.at)
        elapsed = now - last.at if last else now - served.at
        await self._conclude(served, answer, pacer.interval(served.views, elapsed, served.idle + 1))
        return True

    async def _permission(self, served: ServedTarget, now: float) -> Permission:
        """Whether the limits allow a request now. If not, the target gets another time."""
        host = served.target.host
        permission = await self._queue.request_permission(host, self._settings.per_second, self._sees_hits)
        if permission is Permission.OVER_SHARE:
            await self._queue.put_back([served])
        elif permission is Permission.OVER_HOST_RATE:
            # Not back to the head of the queue, where it would delay other hosts.
            await self._queue.postpone(served, now + random.uniform(*OVER_RATE_PAUSE_SECONDS))
        return permission

    async def _conclude(self, served: ServedTarget, answer: OriginAnswer, interval: float) -> None:
        """Act on the answer: purge the target, or give it its next time, `interval` seconds from now."""
        now, host = self._queue.clock.now(), served.target.host
        self._note_host(host, is_down=answer.state is OriginState.DOWN)
        result = await self._result(served, answer, now)
        metrics.sweep_checks.labels(result).inc()
        if result in WHY:
            await self._place_orders(served, result)
            await self._queue.record_check(served, LastCheck(now))
            await self._queue.forget(served)
        elif result == "same":
            await self._answers.note_served(served, now)
            await self._queue.record_check(served, answer.checked, now + interval)
        elif answer.state is OriginState.DOWN:
            paused_until = self._pauses.get(host, (now, 0.0))[0]
            await self._queue.postpone(served, paused_until + random.uniform(0, AFTER_PAUSE_SECONDS), wake=True)
        elif result == "refused":
            await self._queue.postpone(served, now + self._second_look_seconds)
        else:
            await self._queue.postpone(served, now + interval, checked=True)

    async def _result(self, served: ServedTarget, answer: OriginAnswer, now: float) -> str:
        """The label `result` of edgeward_sweep_checks_total."""
        if answer.state is OriginState.OTHER:
            return "same" if await self._is_same_picture(served, answer.body) else "replaced"
        is_private = answer.state is OriginState.PRIVATE
        if answer.location and await self._answers.is_common_redirect(served, answer.location):
            is_private = True
        if not is_private:
            return str(answer.state)
        if self._settings.private == "keep":
            return "kept"
        return RESULT_OF_REFUSAL[await self._answers.note_refused(served, now)]

    def _followed_seconds(self) -> float:
        """How long a target is followed after it was served last. Placement fill does not see when that was."""
        return FOLLOWED_SECONDS if self._sees_hits else self._config.sightings.keep_days * DAY_SECONDS

    async def _is_same_picture(self, served: ServedTarget, body: bytes) -> bool:
        """Whether other bytes show the same picture: some origins encode their images anew for each request.

        An image that can't be compared counts as the same: it does not prove a removal.
        """
        known = await self._sightings.images_by_id([served.image])
        if not known:
            return True
        seen_pdqs, new_pdqs = _pdqs(known[0]), _pdqs(await self._pool.fingerprint(body))
        if not seen_pdqs or not new_pdqs:
            return True
        radius = DEFAULT_RADIUS["pdq"]
        return any((seen ^ new).bit_count() <= radius for seen in seen_pdqs for new in new_pdqs)

    async def _place_orders(self, served: ServedTarget, result: str) -> None:
        """Order purges of the target, and of every equivalent URL and variant that was seen."""
        now = self._queue.clock.now()
        known = await self._sightings.images_by_id([served.image])
        sha256 = known[0].sha256 if known else ""
        records = await self._sightings.find_equivalent(served.target.url, MAX_EQUIVALENT_TARGETS)
        targets = distinct_targets([served.target, *(record.target for record in records)])
        # Read after the targets: one that is forgotten meanwhile is found there or here.
        forgotten = await self._sightings.forgotten_of_urls([served.target])
        why = WHY[result]
        orders = [PurgeOrder(target, Cause.ORIGIN, now, sha256, why=why, by="sweep") for target in targets]
        if len(records) >= MAX_EQUIVALENT_TARGETS:
            prefix = prefix_of(served.target)
            forgotten[prefix] = forgotten.get(prefix, 0) + 1
        orders += forgotten_orders(forgotten, Cause.ORIGIN, now, why=why, by="sweep")
        await self._purges.place(orders)

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

    def _note_host(self, host: str, is_down: bool) -> None:
        """Double the pause of a host that is down, or end it."""
        if not is_down:
            self._pauses.pop(host, None)
            return
        first, longest = HOST_PAUSE_SECONDS
        now, (until, last) = self._queue.clock.now(), self._pauses.get(host, (0.0, 0.0))
        if now < until:
            # Several requests were under way: the first failure has set the pause.
            return
        pause = min(longest, 2 * last) if last else first
        self._pauses[host] = (now + pause, pause)
        while len(self._pauses) > MAX_HOSTS:
            del self._pauses[next(iter(self._pauses))]


def _as_exception(error: BaseException) -> Exception:
    """A check that was cancelled from elsewhere has failed. As it is, it would look like the end of the sweep."""
    return error if isinstance(error, Exception) else RuntimeError(f"a check ended with {type(error).__name__}")


def _pdqs(fingerprint: Fingerprint) -> Sequence[int]:
    return [int(signal.value, 16) for signal in fingerprint.signals if signal.type == "pdq"]

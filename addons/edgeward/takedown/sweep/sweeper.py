"""The controller's side of the sweep: asks origins about what is being served, and orders out what they removed.

Several controllers share the queue. A host that is down purges nothing, and is asked again ever more rarely.
"""

import asyncio
import logging
import random
import time
from collections.abc import Sequence

from edgeward import metrics
from edgeward.config import Config
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.absence import Absence
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.seen.sightings import Sightings
from edgeward.takedown.sweep.origin import Found, Holds, Origin
from edgeward.takedown.sweep.queue import Checked, Leave, Served, SweepQueue
from edgeward.types import DEFAULT_RADIUS, Cause, Fingerprint, PurgeOrder

logger = logging.getLogger(__name__)

BATCH = 32
"""Targets that are checked at the same time."""
TICK_SECONDS = 0.25
CHECKS_PER_ROUND = 3
"""A target that goes on being served is asked for so often in the time within which a removal must be noticed."""
REST_SECONDS = (5.0, 300.0)
"""How long a host that is down is left alone: at first, and at most."""
BUSY_SECONDS = (1.0, 3.0)
"""A target whose origin was asked often enough for the moment comes back after so long."""
HOSTS = 1000
"""Origins that are remembered with their connections, the latest."""
TARGETS = 1000
"""Spellings and variants of one removed URL that are purged."""


class Sweeper:
    """Takes what was served off the queue, checks it, and places orders for what is gone or replaced."""

    def __init__(
        self, config: Config, queue: SweepQueue, sightings: Sightings, orders: Orders, pool: HasherPool
    ) -> None:
        self._config, self._settings = config, config.sweep
        self._queue, self._sightings, self._orders, self._pool = queue, sightings, orders, pool
        # In fill the hits are not seen: the rate per host alone bounds the requests.
        self._sees_hits = config.proxy.placement == "front"
        self._origins: dict[str, Origin | None] = {}
        self._rests: dict[str, tuple[float, float]] = {}
        self._absence = Absence("sweep")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._settings.enabled:
            self._task = asyncio.create_task(self._run(), name="sweep")

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for origin in self._origins.values():
            if origin:
                origin.close()

    async def _run(self) -> None:
        while True:
            try:
                checked = await self._step()
                self._absence.over()
                if checked:
                    continue
            except STORE_AWAY as error:
                self._absence.note(error)
            except Exception:
                # A defect must not end the sweep: it is counted, and what is still served is reported again.
                metrics.gate_errors.labels("sweep").inc()
                logger.exception("sweep: defect; going on")
            await asyncio.sleep(TICK_SECONDS)

    async def _step(self) -> int:
        """Check some targets at the same time. Returns how many were asked for."""
        taken = await self._queue.take(BATCH)
        metrics.sweep_queue.set(await self._queue.length())
        results = await asyncio.gather(*map(self._check, taken), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return sum(result is True for result in results)

    async def _check(self, served: Served) -> bool:
        """Whether its origin was asked."""
        now, host = time.time(), served.target.host
        origin = self._origin(host)
        if origin is None or now < self._rests.get(host, (0.0, 0.0))[0]:
            return False
        last = await self._queue.checked(served)
        if last and now - last.at < self._settings.within_seconds / CHECKS_PER_ROUND:
            return False
        leave = await self._queue.spend(host, self._settings.per_second, self._sees_hits)
        if leave is Leave.SHARE:
            await self._queue.put_back([served])
        elif leave is Leave.HOST:
            # Not back to the head of the queue, where it would hold up other hosts.
            await self._queue.put_off(served, now + random.uniform(*BUSY_SECONDS))
        if leave is not Leave.GO:
            return False
        found = await origin.look(served.target, served.image, last, now)
        await self._conclude(served, found)
        return True

    async def _conclude(self, served: Served, found: Found) -> None:
        holds = found.holds
        result = str(holds)
        self._note_host(served.target.host, down=holds is Holds.DOWN)
        if holds is Holds.OTHER:
            result = "same" if await self._looks_the_same(served, found.body) else "replaced"
        if result in ("gone", "replaced"):
            await self._order_out(served, result)
            await self._queue.note_checked(served, Checked(time.time()))
        elif result == "same":
            await self._queue.note_checked(served, found.checked)
            if not self._sees_hits:
                await self._queue.put_off(served, time.time() + self._settings.within_seconds / CHECKS_PER_ROUND)
        metrics.sweep_checks.labels(result).inc()

    async def _looks_the_same(self, served: Served, body: bytes) -> bool:
        """Other bytes may be the same picture: an origin that makes its images anew for each request."""
        known = await self._sightings.images_of([served.image])
        if not known:
            return True
        now = await self._pool.fingerprint(body)
        # An image that can't be compared is no proof of a removal.
        return not (_pdq(known[0]) and _pdq(now)) or _near(_pdq(known[0]), _pdq(now))

    async def _order_out(self, served: Served, result: str) -> None:
        """The target itself, and every spelling and variant of it that was seen."""
        now = time.time()
        known = await self._sightings.images_of([served.image])
        sha256 = known[0].sha256 if known else ""
        seen = await self._sightings.spelled(served.target.url, TARGETS)
        targets = dict.fromkeys([served.target, *(each.target for each in seen)])
        why = "the origin has removed it" if result == "gone" else "the origin has another image there"
        orders = [PurgeOrder(target, Cause.ORIGIN, now, sha256, why=why, by="sweep") for target in targets]
        await self._orders.place(orders)

    def _origin(self, host: str) -> Origin | None:
        if host not in self._origins:
            while len(self._origins) >= HOSTS:
                oldest = self._origins.pop(next(iter(self._origins)))
                if oldest:
                    oldest.close()
            url = self._config.origin_of(host)
            timeout = self._settings.timeout_ms / 1000
            self._origins[host] = Origin(url, host, timeout, self._config.hashing.max_bytes) if url else None
        return self._origins[host]

    def _note_host(self, host: str, down: bool) -> None:
        first, most = REST_SECONDS
        if not down:
            self._rests.pop(host, None)
            return
        now, (until, last) = time.time(), self._rests.get(host, (0.0, 0.0))
        if now < until:
            # Of those that were asked for at the same time the first has said so.
            return
        rest = min(most, 2 * last) if last else first
        self._rests[host] = (now + rest, rest)
        while len(self._rests) > HOSTS:
            del self._rests[next(iter(self._rests))]


def _pdq(fingerprint: Fingerprint) -> Sequence[int]:
    return [int(signal.value, 16) for signal in fingerprint.signals if signal.type == "pdq"]


def _near(these: Sequence[int], those: Sequence[int]) -> bool:
    return any((one ^ other).bit_count() <= DEFAULT_RADIUS["pdq"] for one in these for other in those)

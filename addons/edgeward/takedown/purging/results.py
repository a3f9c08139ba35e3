"""What a cache made of purges, on its way to the record: written together, as it comes."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from edgeward import metrics
from edgeward.takedown.caches.base import Purged
from edgeward.takedown.purging.jobs import Job
from edgeward.takedown.purging.orders import GONE, Done, Orders
from edgeward.takedown.purging.repeats import base_of, member_of
from edgeward.types import Delivery, Outcome

logger = logging.getLogger(__name__)

AT_ONCE = 512
REFUSED_SECONDS = 300.0
"""A refused purge is tried again so rarely: the configuration may have been put right."""


class Results:
    """Results of one cache.

    Args:
        repeat_seconds: when each purge is repeated, in seconds after the first.
        outer: caches that may fill themselves from this one.
    """

    def __init__(self, orders: Orders, cache: str, repeat_seconds: Sequence[float], outer: Sequence[str]) -> None:
        self._orders, self._cache, self._repeat_seconds, self._outer = orders, cache, repeat_seconds, outer
        self._results: list[tuple[Job, Purged, float]] = []
        self._filled = asyncio.Event()
        self._refused = False
        self._linger = metrics.linger_seconds.labels(cache)

    def put(self, job: Job, purged: Purged, at: float) -> None:
        """Leave a result to be written. `at`: when the cache gave it, Unix seconds."""
        self._results.append((job, purged, at))
        self._filled.set()

    async def write(self) -> list[Job]:
        """Write what is there, waiting for it, and return whose results are on record now. What a store that is away
        could not take is written by the next call; a purger that dies before loses it, and its orders stay owed."""
        await self._filled.wait()
        some = self._results[:AT_ONCE]
        await self._orders.done_many(self._cache, [self._done(*result) for result in some], self._outer)
        del self._results[: len(some)]
        if not self._results:
            self._filled.clear()
        self._count(some)
        return [job for job, *_ in some]

    def _done(self, job: Job, purged: Purged, at: float) -> Done:
        again = _stored_again(job, purged)
        outcome = Outcome(job.order.id, self._cache, purged.delivery, at, job.attempts, purged.status, purged.detail)
        if again:
            outcome = _of_repeat(outcome, job.previous)
        news = job.first or again
        return Done(job.order.id, outcome if news else None, job.member, self._next(job, purged.delivery, at), news)

    def _next(self, job: Job, delivery: Delivery, at: float) -> tuple[str, float]:
        """The next repeat: (member, due)."""
        base = at if job.first else base_of(job.member)
        member = member_of(job.order.id, base)
        if delivery is Delivery.REFUSED:
            return member, at + REFUSED_SECONDS * random.uniform(0.8, 1.2)
        due = next((base + seconds for seconds in self._repeat_seconds if base + seconds > at), 0.0)
        return (member, due) if due else ("", 0.0)

    def _count(self, some: Sequence[tuple[Job, Purged, float]]) -> None:
        outcomes: Counter[str] = Counter()
        for job, purged, at in some:
            refused = purged.delivery is Delivery.REFUSED
            if refused and not self._refused:
                logger.error("cache %s refuses purges: %s", self._cache, purged.detail)
            self._refused = refused
            if job.first or refused:
                outcomes[purged.delivery] += 1
            if _stored_again(job, purged):
                outcomes["stored_again"] += 1
            if job.first and purged.delivery in GONE:
                self._linger.observe(max(0.0, at - job.order.started_at))
        for outcome, number in outcomes.items():
            metrics.purges.labels(self._cache, outcome).inc(number)


def _stored_again(job: Job, purged: Purged) -> bool:
    return not job.first and bool(purged.count)


def _of_repeat(outcome: Outcome, previous: Outcome | None) -> Outcome:
    attempts = outcome.attempts + (previous.attempts if previous else 0)
    return replace(outcome, attempts=attempts, detail="a repeat removed a copy that was stored again")

"""Writes the outcomes of one cache's purges to the store, batched as they come."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Sequence

from edgeward import metrics
from edgeward.caches.base import Purged
from edgeward.purging.orders import CARRIED_OUT, Orders, PurgeResult
from edgeward.purging.refused_retries import RefusedRetry
from edgeward.purging.repeat_schedule import first_purged_at, repeat_id_of
from edgeward.purging.retry_queue import QueuedPurge
from edgeward.types import Delivery, Met, Outcome
from edgeward.types.accepted_purges import ANSWER_LOST
from edgeward.types.linger import linger_between
from edgeward.types.refused_purges import REFUSED_RETRY_SECONDS

logger = logging.getLogger(__name__)

RESULTS_PER_WRITE = 512
STORED_AGAIN = (
    "a repeat removed a copy that was stored again; or the first purge missed it: the cache's key has more in it than "
    "the purge names"
)
RAN_AGAIN = (
    "the order ran again, as the cache was configured again or its place in the orders was lost, and removed a copy: "
    "one that was stored since, or in another cache of this name"
)
LATE_REPEAT_SECONDS = (300.0, 900.0)
"""A purge of a response that broke off, or of a host where such responses were lost, is repeated at these times too:
the cache may fetch and store them for long."""

type Result = tuple[QueuedPurge, Purged, float]
"""A purge, what the cache answered, and when (Unix seconds)."""


class OutcomeWriter:
    """Writes the outcomes of one cache.

    Args:
        repeat_seconds: when a purge is repeated, in seconds after the first one, ascending.
        outer: caches of outer tiers, which may fetch from this one.
    """

    def __init__(self, orders: Orders, cache: str, repeat_seconds: Sequence[float], outer: Sequence[str]) -> None:
        self._orders, self._cache, self._repeat_seconds, self._outer = orders, cache, repeat_seconds, outer
        self._unwritten: list[Result] = []
        self._batch: list[Result] = []
        self._filled = asyncio.Event()
        self._refusing = False
        self._carried_out = False
        self._linger = metrics.linger_seconds.labels(cache)

    def put(self, purge: QueuedPurge, purged: Purged, at: float) -> None:
        """Add a result, which the cache gave at `at` (Unix seconds)."""
        self._unwritten.append((purge, purged, at))
        self._filled.set()

    async def write(self) -> list[QueuedPurge]:
        """Wait for results, write them, and return the purges whose outcomes are now on record.

        Without the store, the results are kept for the next call. If the purger dies before, they are lost: their
        orders are still owed and will be done again, which does no harm.
        """
        await self._filled.wait()
        # Removed from `_unwritten` only once they are written; new ones may be appended meanwhile.
        if not self._batch:
            batch = self._next_batch()
            await self._recall(batch)
            # Kept until it is written: if the store wrote it and did not say so, what is on record is its own.
            self._batch = batch
        batch = self._batch
        results = [self._result(*each) for each in batch]
        await self._orders.record_results(self._cache, results, self._outer)
        await self._orders.refused_retries.note(self._cache, _refused_retries(batch, results), _done_retries(batch))
        self._carried_out |= any(purged.delivery in CARRIED_OUT for _, purged, _ in batch)
        del self._unwritten[: len(batch)]
        self._batch = []
        if not self._unwritten:
            self._filled.clear()
        self._count(batch)
        return [purge for purge, *_ in batch]

    def take_carried_out(self) -> bool:
        """Whether the cache has carried out any purge since the last call."""
        carried_out, self._carried_out = self._carried_out, False
        return carried_out

    def _next_batch(self) -> list[Result]:
        """The next results, of each order one: the next one of it adds to what this one writes."""
        batch: dict[str, Result] = {}
        for result in self._unwritten[:RESULTS_PER_WRITE]:
            if result[0].order.id in batch:
                break
            batch[result[0].order.id] = result
        return [*batch.values()]

    async def _recall(self, batch: Sequence[Result]) -> None:
        """Give each purge the outcome that is on record now. That of an order that was not carried out says nothing to
        one that is no repeat: it is the first purge."""
        recorded = await self._orders.recorded.of(self._cache, [purge.order.id for purge, *_ in batch])
        for purge, *_ in batch:
            found = recorded.get(purge.order.id)
            if found and (purge.repeat_id or found.delivery in CARRIED_OUT):
                purge.previous = found

    def _result(self, purge: QueuedPurge, purged: Purged, at: float) -> PurgeResult:
        attempts, detail = purge.attempts, purged.detail
        if removed_again := _removed_again(purge, purged):
            attempts += purge.previous.attempts if purge.previous else 0
            detail = STORED_AGAIN if purge.repeat_id else RAN_AGAIN
        removed = _removed(purge, purged)
        if purged.delivery is Delivery.VERIFIED and removed is None and _is_answer_lost(purge, purged):
            detail = detail or ANSWER_LOST
        outcome = Outcome(purge.order.id, self._cache, purged.delivery, at, attempts, purged.status, detail, removed)
        # An ordinary repeat, which finds nothing, leaves the outcome of the first purge on record. So does a new run.
        changed = purge.first or removed_again
        next_repeat = self._next_repeat(purge, purged.delivery, self._orders.clock.at(at))
        purge_outer = (changed or not purge.repeat_id) and purged.delivery is not Delivery.UNSUPPORTED
        told = outcome if changed else None
        return PurgeResult(purge.order.id, told, purge.repeat_id, next_repeat, purge_outer, purge.order.nonce)

    def _next_repeat(self, purge: QueuedPurge, delivery: Delivery, at: float) -> tuple[str, float]:
        """The next repeat: (id, due), ("", 0.0) for none. `at` and due: time of the schedule's clock."""
        first_at = at if purge.first or not purge.repeat_id else first_purged_at(purge.repeat_id)
        repeat_id = repeat_id_of(purge.order.id, first_at)
        if delivery is Delivery.REFUSED:
            return repeat_id, at + REFUSED_RETRY_SECONDS * random.uniform(0.8, 1.2)
        if delivery is Delivery.UNSUPPORTED:
            return "", 0.0
        seconds = sorted({*self._repeat_seconds, *(LATE_REPEAT_SECONDS if purge.is_stored_late else ())})
        # A repeat that was sent before the next is due, and answered after that, does not stand for it.
        done = self._orders.clock.at(purge.sent_at) if purge.sent_at and not purge.first else at
        due = next((first_at + each for each in seconds if first_at + each > done), 0.0)
        return (repeat_id, due) if due else ("", 0.0)

    def _count(self, batch: Sequence[Result]) -> None:
        outcomes: Counter[str] = Counter()
        met: Counter[str] = Counter()
        for purge, purged, at in batch:
            refused = purged.delivery is Delivery.REFUSED
            if refused and not self._refusing:
                logger.error("cache %s refuses purges: %s", self._cache, purged.detail)
            self._refusing = refused
            if purge.first or refused:
                outcomes[purged.delivery] += 1
            if _removed_again(purge, purged):
                outcomes["stored_again"] += 1
            linger = linger_between(purge.order.started_at, at)
            if purge.first and purged.delivery in CARRIED_OUT and linger is not None:
                self._linger.observe(linger)
            if purged.delivery in CARRIED_OUT and (purge.first or _removed_again(purge, purged)):
                met[Met.of(_removed(purge, purged))] += 1
        for what, number in met.items():
            metrics.purge_copies.labels(self._cache, what).inc(number)
        for outcome, number in outcomes.items():
            metrics.purges.labels(self._cache, outcome).inc(number)


def _refused_retries(batch: Sequence[Result], results: Sequence[PurgeResult]) -> list[RefusedRetry]:
    """The retries of those that were refused."""
    return [
        RefusedRetry(result.next_repeat[0], result.repeat_id, purge.refused_alone)
        for (purge, purged, _), result in zip(batch, results, strict=True)
        if purged.delivery is Delivery.REFUSED
    ]


def _done_retries(batch: Sequence[Result]) -> list[str]:
    """The retries of refused purges that were not refused again."""
    return [
        purge.repeat_id
        for purge, purged, _ in batch
        if purge.previous and purge.previous.delivery is Delivery.REFUSED and purged.delivery is not Delivery.REFUSED
    ]


def _removed_again(purge: QueuedPurge, purged: Purged) -> bool:
    """Whether a repeat, or a new run, removed a copy that was stored after the first purge."""
    return not purge.first and bool(purged.count or purge.removed)


def _removed(purge: QueuedPurge, purged: Purged) -> int | None:
    """The copies that all purges of this order removed, as far as it is known: None if that is not known."""
    known = (purged.count or 0) + purge.removed + ((purge.previous.removed or 0) if purge.previous else 0)
    if known:
        return known
    # What a purge met that was sent and not recorded is lost. An earlier purge that was not counted stays so.
    lost = _is_answer_lost(purge, purged)
    uncounted = not purge.first and purge.previous is not None and purge.previous.removed is None
    return None if lost or uncounted else purged.count


def _is_answer_lost(purge: QueuedPurge, purged: Purged) -> bool:
    """Whether a purge of this order was sent of which nobody has the answer."""
    return purge.taken_over or purge.unanswered or purged.unanswered

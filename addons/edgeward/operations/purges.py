"""Purges: ordered by hand, and what each cache did with an order."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain

from edgeward.errors import NotFound
from edgeward.operations import cache_keys, caches
from edgeward.operations.order_totals import OrderSummary, new_totals
from edgeward.operations.services import Services
from edgeward.operations.unjudged_responses import UnjudgedResponses, wait_judged
from edgeward.purging.image_orders import forgotten_orders
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.retromatch.worker import MAX_REPLICA_WAIT_SECONDS
from edgeward.takedowns.steps import NOTHING_UNJUDGED_SECONDS, UNJUDGED_SECONDS
from edgeward.types import NO_TARGET, Cause, Delivery, Outcome, PurgeOrder, Target, distinct_targets
from edgeward.types.absent_caches import what_to_do
from edgeward.types.linger import linger_between
from edgeward.types.outcome_words import ReceiptState


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """A purge order and its outcomes by cache. `owed`: the caches that have no final outcome, configured here or not.
    `absent`: the caches that have not carried it out, and that no live controller has in its settings.

    An outcome WAITING is the last failed attempt of a cache that owes the order.
    """

    order: PurgeOrder
    outcomes: Mapping[str, Outcome]
    owed: Sequence[str]
    absent: Sequence[str] = ()

    def linger_seconds(self, cache: str) -> float | None:
        """From the start of the linger time to the purge by this cache; None while it has not carried the order out,
        or where that is not known."""
        outcome = self.outcomes.get(cache)
        if outcome is None or not outcome.is_carried_out:
            return None
        return linger_between(self.order.started_at, outcome.at)


@dataclass(frozen=True, slots=True)
class PurgesOrdered:
    """The orders of one request, and what became of them.

    `unmatched`: the URLs of which no copy was seen, as none of the targets that they stand for, and that no cache is
    known to have removed a copy of.
    """

    orders: Sequence[OrderStatus]
    summary: OrderSummary
    unmatched: Sequence[str]


def status_of(
    order: PurgeOrder, outcomes: Mapping[str, Outcome], receiving: Sequence[str], absent: Sequence[str] = ()
) -> OrderStatus:
    """`receiving`: the caches that receive orders, configured here or not. `absent`: those that nobody drives."""
    answered = {cache for cache, outcome in outcomes.items() if outcome.is_final}
    refused = {cache for cache, outcome in outcomes.items() if outcome.delivery is Delivery.REFUSED}
    left = [cache for cache in absent if cache not in answered or cache in refused]
    return OrderStatus(order, outcomes, [cache for cache in receiving if cache not in answered], left)


async def recent(services: Services, limit: int) -> list[OrderStatus]:
    """The latest orders, newest first."""
    return await _with_attempts(services, await services.orders.recent(limit))


async def get(services: Services, order_id: str) -> OrderStatus:
    """The order of this id. Raises NotFound."""
    (status,) = await _with_attempts(services, [await services.orders.get(order_id)])
    return status


async def get_many(services: Services, ids: Sequence[str]) -> list[OrderStatus]:
    """The orders of these ids, in this order, without those that are no longer on record."""
    return await _with_attempts(services, await services.orders.get_many(ids))


async def _with_attempts(
    services: Services, found: Sequence[tuple[PurgeOrder, Mapping[str, Outcome]]]
) -> list[OrderStatus]:
    """The statuses of these orders, with the last failed attempt of each cache that owes one."""
    others = await caches.others(services)
    receiving = [*services.caches, *others.names]
    keys = await services.orders.key_mismatches.recent()
    statuses = [
        status_of(order, cache_keys.in_doubt(order, outcomes, keys), receiving, others.absent)
        for order, outcomes in found
    ]
    waiting = [status.order.id for status in statuses if status.owed]
    attempts = await services.orders.failed_attempts.of(waiting, receiving)
    return [
        replace(status, outcomes={**attempts[status.order.id], **status.outcomes})
        if status.order.id in attempts
        else status
        for status in statuses
    ]


async def create(
    services: Services, written: Sequence[Sequence[Target]], who: str, why: str, timeout: float | None = None
) -> PurgesOrdered:
    """Order the purge of each URL: every equivalent URL and variant that was seen, and the URL as given.

    The URL as given is purged even if it was never seen: a cache may hold it, and some caches drop all variants by it.

    Args:
        written: by URL as it was written, the plain targets that it stands for, without `vary`.
        timeout: seconds to wait for the caches; None does not wait.
    """
    now = services.store.clock.now()
    urls = list(dict.fromkeys(chain.from_iterable(written)))
    await services.audit_trail.note("purge.create", who, why, urls=len(written), first=written[0][0].url)
    # Workers write sightings in batches. What they have served by now must be among them.
    await services.list_store.wait_flushed(MAX_REPLICA_WAIT_SECONDS)
    order = PurgeOrder(NO_TARGET, Cause.MANUAL, now, why=why, by=who)
    targets, unseen = set[Target](), set[Target]()
    ids = await _place_new(services, urls, targets, unseen, order)
    if await services.list_store.wait_judged(NOTHING_UNJUDGED_SECONDS):
        # Look again for what was unjudged just now: those that are known already were not to wait for it.
        await services.list_store.wait_judged(UNJUDGED_SECONDS)
        ids += await _place_new(services, urls, targets, unseen, order)
    ids = list(dict.fromkeys(ids))
    unjudged = UnjudgedResponses()
    if timeout is not None:
        await services.orders.wait_done(ids, await caches.carried_out_by(services), timeout)
        unjudged = (await wait_judged(services, timeout)).at(each.host for each in urls)
    return await _ordered(services, written, unseen, await get_many(services, ids), unjudged)


@dataclass(frozen=True, slots=True)
class RetriedPurges:
    """What one cache tries again now: purges that it refused, and those that it owes, the newest included."""

    refused: int
    owed: int


async def retry(services: Services, cache: str | None, who: str, why: str) -> dict[str, RetriedPurges]:
    """Have every controller try again now what a cache refused or owes. By cache.

    Args:
        cache: None for every configured cache.

    Raises:
        NotFound: there is no such cache, or it is not configured here.
    """
    if cache is not None and cache not in services.caches:
        raise NotFound(await _why_not_here(services, cache))
    await services.audit_trail.note("purge.retry", who, why, cache=cache or "every cache")
    found: dict[str, RetriedPurges] = {}
    for name in services.caches if cache is None else [cache]:
        owed, _ = await services.orders.pending(name)
        found[name] = RetriedPurges(await services.orders.refused_retries.ask(name), owed)
    return found


async def _why_not_here(services: Services, cache: str) -> str:
    """Why a cache that is not configured here can't try anything again."""
    others = await caches.others(services)
    if cache in others.absent:
        return f"cache {cache}: {what_to_do(cache)}"
    if cache in others.driven:
        return f"cache {cache} is in [[caches]] of another controller, and not of this one: ask that one"
    return f"no cache has the name {cache!r} (configured: {', '.join(services.caches) or 'none'})"


async def _place_new(
    services: Services, urls: Sequence[Target], targets: set[Target], unseen: set[Target], order: PurgeOrder
) -> list[str]:
    """Place `order` for each URL and where it was seen, except for `targets`.

    `targets` grow; of `urls`, `unseen` are those of which no copy was seen. Returns the ids of the orders.
    """
    scope, found = services.takedown_scope, list[Target]()
    for url in urls:
        seen = await scope.seen_targets(url)
        (unseen.discard if seen or await scope.forgotten_of_urls([url]) else unseen.add)(url)
        found += [*seen, url]
    # Read after the targets: one that is forgotten meanwhile is found there or here.
    forgotten = await scope.forgotten_of_urls(urls)
    new = [target for target in distinct_targets(found) if target not in targets]
    targets.update(new)
    orders = [replace(order, target=each) for each in new]
    orders += forgotten_orders(forgotten, order.cause, order.started_at, why=order.why, by=order.by)
    return await scope.purges(services.orders).place(orders)


async def _ordered(
    services: Services,
    written: Sequence[Sequence[Target]],
    unseen: Set[Target],
    orders: Sequence[OrderStatus],
    unjudged: Unjudged,
) -> PurgesOrdered:
    totals, removed = await new_totals(services), set[Target]()
    for status in orders:
        totals.add(status.order, status.outcomes)
        if any(outcome.removed for outcome in status.outcomes.values()):
            removed.add(status.order.target)
    # What was written is unmatched only if none of the targets that it stands for matched.
    unmatched = [each[0].url for each in written if set(each) <= unseen - removed]
    summary = totals.summary(complete=True)
    if len(unmatched) == len(written) and summary.state in (ReceiptState.ACCEPTED, ReceiptState.GONE):
        summary = replace(summary, state=ReceiptState.NOTHING)
    return PurgesOrdered(orders, summary.with_unjudged(unjudged), unmatched)

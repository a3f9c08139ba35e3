"""Purges: ordered by hand, and what each cache did with an order."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeward.operations.services import Services
from edgeward.retromatch.worker import MAX_REPLICA_WAIT_SECONDS
from edgeward.types import Cause, Outcome, PurgeOrder, Target


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """A purge order and its outcomes by cache. `owed`: the configured caches that have no final outcome."""

    order: PurgeOrder
    outcomes: Mapping[str, Outcome]
    owed: Sequence[str]

    def linger_seconds(self, cache: str) -> float | None:
        """From the start of the linger time to the purge by this cache; None while the cache may hold a copy."""
        outcome = self.outcomes.get(cache)
        return max(0.0, outcome.at - self.order.started_at) if outcome and outcome.is_gone else None


def status_of(order: PurgeOrder, outcomes: Mapping[str, Outcome], caches: Sequence[str]) -> OrderStatus:
    """`caches`: the configured ones. A cache that is no longer configured owes nothing."""
    answered = {cache for cache, outcome in outcomes.items() if outcome.is_final}
    return OrderStatus(order, outcomes, [cache for cache in caches if cache not in answered])


async def recent(services: Services, limit: int) -> list[OrderStatus]:
    """The latest orders, newest first."""
    return [status_of(*each, services.caches) for each in await services.orders.recent(limit)]


async def get(services: Services, order_id: str) -> OrderStatus:
    """The order of this id. Raises NotFound."""
    return status_of(*await services.orders.get(order_id), services.caches)


async def get_many(services: Services, ids: Sequence[str]) -> list[OrderStatus]:
    """The orders of these ids, in this order, without those that are no longer on record."""
    return [status_of(*each, services.caches) for each in await services.orders.get_many(ids)]


async def create(
    services: Services, urls: Sequence[Target], who: str, why: str, timeout: float | None = None
) -> list[OrderStatus]:
    """Order the purge of each URL: every equivalent URL and variant that was seen, and the URL as given.

    The URL as given is purged even if it was never seen: a cache may hold it, and some caches drop all variants by it.

    Args:
        urls: plain targets, without `vary`.
        timeout: seconds to wait for the caches; None does not wait.
    """
    now = time.time()
    # Workers write sightings in batches. What they have served by now must be among them.
    await services.list_store.wait_flushed(MAX_REPLICA_WAIT_SECONDS)
    targets: dict[Target, None] = {}
    for url in dict.fromkeys(urls):
        targets.update(dict.fromkeys([*await services.takedown_scope.seen_targets(url), url]))
    ids = await services.orders.place([PurgeOrder(each, Cause.MANUAL, now, why=why, by=who) for each in targets])
    if timeout is not None:
        await services.orders.wait_done(ids, services.caches, timeout)
    return await get_many(services, ids)

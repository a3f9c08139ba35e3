"""Purges of forgotten targets by prefix: when every cache has carried one out, those targets are not missed any more.

{forgotten}:purges   hash: id of an order -> its prefix (scheme, host, path) and its image
"""

import json
import logging
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.purging.orders import Orders
from edgeward.sightings.forgotten import ForgottenTargets
from edgeward.store.connection import Store
from edgeward.types import Delivery, Outcome, PurgeOrder, Scope, Target

logger = logging.getLogger(__name__)

MAX_FOLLOWED = 10_000
"""Orders that are followed. What others repair is missed until it expires."""
ORDERS_PER_READ = 250
PAUSE_SECONDS = 5.0
RETRY_SECONDS = (0.2, 10.0)


class ForgottenPurges:
    """Places orders, and follows those that stand for forgotten targets."""

    def __init__(self, store: Store, forgotten: ForgottenTargets, orders: Orders) -> None:
        self._store, self._forgotten, self._orders = store, forgotten, orders
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._key = store.key("{forgotten}", "purges")

    async def place(self, orders: Sequence[PurgeOrder]) -> list[str]:
        """Place orders of any kind. Returns their ids, like Orders.place."""
        orders = self._orders.new_among(orders)
        ids = await self._orders.place(orders)
        by_prefix = {
            order_id: json.dumps([order.target.scheme, order.target.host, order.target.path, order.sha256])
            for order_id, order in zip(ids, orders, strict=True)
            if order.forgotten and order.scope is Scope.PREFIX
        }
        if by_prefix and await self._redis.hlen(self._key) < MAX_FOLLOWED:
            await self._redis.hset(self._key, mapping=by_prefix)
        return ids

    @property
    def may_expire(self) -> bool:
        """Whether the clocks are to be trusted: something may be removed for its age."""
        return self._orders.clock.refusal is None

    async def check(self, caches: Sequence[str]) -> None:
        """Look at the orders that are followed, and note the targets that no cache holds any more.

        Args:
            caches: those that are configured here. What others owe that receive orders is waited for too.
        """
        caches = list(dict.fromkeys([*caches, *(node.name for node in await self._orders.nodes.all())]))
        followed = await self._redis.hgetall(self._key)
        for some in batched(sorted(followed), ORDERS_PER_READ):
            found = await self._orders.get_many([order_id.decode() for order_id in some])
            outcomes = {order.id.encode(): outcomes for order, outcomes in found}
            for order_id in some:
                await self._check_order(order_id, json.loads(followed[order_id]), outcomes.get(order_id), caches)

    async def _check_order(
        self, order_id: bytes, data: Sequence[str], outcomes: Mapping[str, Outcome] | None, caches: Sequence[str]
    ) -> None:
        if outcomes is not None:
            known = [outcome for cache in caches if (outcome := outcomes.get(cache))]
            if len(known) < len(caches) or any(map(_may_change, known)):
                return
            placed_at = self._orders.clock.placed_at(order_id.decode())
            # Without it, as the store's clock was set back, it is not known what was forgotten before.
            if placed_at is not None and all(outcome.is_carried_out for outcome in known):
                scheme, host, path, sha256, *_ = data
                await self._forgotten.repair(Target(scheme, host, path), placed_at, sha256)
        await self._redis.hdel(self._key, order_id)


class ForgottenPurgesWorker:
    """Follows orders for forgotten targets, in a controller.

    Args:
        caches: names of the configured caches.
    """

    def __init__(self, purges: ForgottenPurges, forgotten: ForgottenTargets, caches: Sequence[str]) -> None:
        self._purges, self._forgotten, self._caches = purges, forgotten, caches
        self._loop = WorkerLoop(
            "forgotten targets",
            self._step,
            metric_label="retromatch",
            retry_seconds=RETRY_SECONDS,
            pause_seconds=PAUSE_SECONDS,
        )

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def _step(self) -> None:
        await self._purges.check(self._caches)
        if self._purges.may_expire:
            await self._forgotten.expire()
        metrics.sightings_forgotten.set((await self._forgotten.totals()).targets)


def _may_change(outcome: Outcome) -> bool:
    """Whether the cache may still carry the order out."""
    return outcome.delivery in (Delivery.WAITING, Delivery.REFUSED)

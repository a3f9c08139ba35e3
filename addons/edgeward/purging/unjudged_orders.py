"""The orders for responses that nobody could judge: kept in a set of their own until all caches have done them."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from edgeward.purging.completion import (
    ORDERS_PER_POLL,
    OWED,
    PAUSE_PER_POLL_TIME,
    POLL_SECONDS,
    REFUSED,
    UNSUPPORTED,
    OrderCompletion,
)
from edgeward.store.connection import Store
from edgeward.types import placed_at

LOOK_SECONDS = 0.2
"""How long orders are looked at when the time to wait is over. The others count as not carried out."""


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Responses that were not judged, and that a cache may have stored.

    Attributes:
        count: those that are neither judged nor purged yet, and those that a cache can't purge.
        refused: by cache, how many purges of them it refuses.
    """

    count: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


class UnjudgedOrders:
    """The set at `key`."""

    def __init__(self, store: Store, key: str, completion: OrderCompletion) -> None:
        self._redis: Any = store.redis
        self.key, self._completion = key, completion

    async def wait_done(self, caches: Sequence[str], timeout: float, placed_before: float | None = None) -> Unjudged:
        """Wait until every cache has done or refused every order of the set, up to `timeout` seconds.

        Args:
            placed_before: Unix seconds; only orders that were placed before are looked at. None: all.
        """
        deadline = time.monotonic() + timeout
        ids = await self._ids(placed_before)
        chunks = deque(list(chunk) for chunk in batched(ids, ORDERS_PER_POLL))
        left, refused = 0, Counter[str]()
        pause, longest_pause = POLL_SECONDS
        while chunks:
            started = time.monotonic()
            owed, unsupported = await self._look_at(chunks.popleft(), caches, refused)
            left += unsupported
            now = time.monotonic()
            if owed and now < deadline:
                # Only the first chunk is polled, as in OrderCompletion.
                chunks.appendleft(owed)
                await asyncio.sleep(min(deadline - now, max(pause, PAUSE_PER_POLL_TIME * (now - started))))
                pause = min(longest_pause, pause * 1.5)
                continue
            left += len(owed)
            if now > deadline + LOOK_SECONDS:
                break
        return Unjudged(left + sum(map(len, chunks)), {cache: refused[cache] for cache in caches if refused[cache]})

    async def _ids(self, placed_before: float | None) -> list[str]:
        """Oldest first."""
        ids = [order_id.decode() for order_id in await self._redis.smembers(self.key)]
        return sorted((each for each in ids if placed_before is None or placed_at(each) < placed_before), key=placed_at)

    async def _look_at(self, ids: Sequence[str], caches: Sequence[str], refused: Counter[str]) -> tuple[list[str], int]:
        """Forget the orders that are done, and count the refused ones. Returns those that a cache owes, and how many of
        the others a cache can't carry out."""
        owed, done, unsupported = list[str](), list[str](), 0
        for order_id, states in await self._completion.states(ids, caches) if caches else [(each, "") for each in ids]:
            if OWED in states:
                owed.append(order_id)
                continue
            refused.update(cache for cache, state in zip(caches, states, strict=True) if state == REFUSED)
            unsupported += UNSUPPORTED in states
            if REFUSED not in states and UNSUPPORTED not in states:
                done.append(order_id)
        if done:
            await self._redis.srem(self.key, *done)
        return owed, unsupported

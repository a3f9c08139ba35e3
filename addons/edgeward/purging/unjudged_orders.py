"""The orders for responses that nobody could judge: kept in a set of their own until all caches have done them.

Of some nobody has seen headers: when they were placed, the cache was up and had stored nothing. A purge waits there for
the fetch that is still in progress, and removes what comes of it. So while such an order waits in the cache, no copy is
left, and none will be: it is pending, and what a listing has removed is known all the same.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from edgeward.purging.cache_nodes import id_numbers
from edgeward.purging.completion import (
    ORDERS_PER_POLL,
    OWED,
    PAUSE_PER_POLL_TIME,
    POLL_SECONDS,
    REFUSED,
    UNSUPPORTED,
    OrderCompletion,
)
from edgeward.purging.failed_attempts import FailedAttempts
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.store.connection import Store

LOOK_SECONDS = 0.2
"""How long orders are looked at when the time to wait is over. The others count as not carried out."""


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Responses that were not judged, and that a cache may have stored.

    Attributes:
        count: those that are neither judged nor purged yet, and those that a cache can't purge.
        refused: by cache, how many purges of them it refuses.
        pending: those that nobody has answered: no cache has a copy. They are not among the others.
        silent: processes that do not report: whether they have any is not known.
    """

    count: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0
    silent: int = 0


class UnjudgedOrders:
    """The set at `key`; those of which nobody has seen headers are in the set at `unanswered` too.

    Attributes:
        keys: the keys of both sets.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        unanswered: str,
        completion: OrderCompletion,
        attempts: FailedAttempts,
        clock: ScheduleClock,
    ) -> None:
        self._redis: Any = store.redis
        self.keys = (key, unanswered)
        self._completion, self._attempts, self._clock = completion, attempts, clock

    async def wait_done(self, caches: Sequence[str], timeout: float, placed_before: float | None = None) -> Unjudged:
        """Wait until every cache has done or refused every order of the set, or has it pending, up to `timeout`
        seconds.

        Args:
            placed_before: Unix seconds; only orders that were placed before are looked at, and those of which that is
                not known. None: all.
        """
        deadline = time.monotonic() + timeout
        ids, unanswered = await self._ids(placed_before)
        chunks = deque(list(chunk) for chunk in batched(ids, ORDERS_PER_POLL))
        left, pending, refused = 0, 0, Counter[str]()
        pause, longest_pause = POLL_SECONDS
        while chunks:
            started = time.monotonic()
            owed, unsupported, waiting = await self._look_at(chunks.popleft(), caches, refused, unanswered)
            left += unsupported
            pending += waiting
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
        left += sum(map(len, chunks))
        return Unjudged(left, {cache: refused[cache] for cache in caches if refused[cache]}, pending)

    async def _ids(self, placed_before: float | None) -> tuple[list[str], Set[str]]:
        """All, oldest first; and those that nobody answered."""
        # In this order: an order that is placed in between must not count as answered.
        ids = [order_id.decode() for order_id in await self._redis.smembers(self.keys[0])]
        unanswered = {order_id.decode() for order_id in await self._redis.smembers(self.keys[1])}
        if placed_before is not None:
            ids = [each for each in ids if (at := self._clock.placed_at(each)) is None or at < placed_before]
        return sorted(ids, key=id_numbers), unanswered

    async def _look_at(
        self, ids: Sequence[str], caches: Sequence[str], refused: Counter[str], unanswered: Set[str]
    ) -> tuple[list[str], int, int]:
        """Forget the orders that are done, and count the refused ones. Returns those that a cache owes, how many of the
        others a cache can't carry out, and how many are pending."""
        owed, done, unsupported = dict[str, list[str]](), list[str](), 0
        for order_id, states in await self._completion.states(ids, caches) if caches else [(each, "") for each in ids]:
            if OWED in states:
                owed[order_id] = [cache for cache, state in zip(caches, states, strict=True) if state == OWED]
                continue
            refused.update(cache for cache, state in zip(caches, states, strict=True) if state == REFUSED)
            unsupported += UNSUPPORTED in states
            if REFUSED not in states and UNSUPPORTED not in states:
                done.append(order_id)
        if done:
            for key in self.keys:
                await self._redis.srem(key, *done)
        pending = await self._pending({each: owing for each, owing in owed.items() if each in unanswered})
        return [each for each in owed if each not in pending], unsupported, len(pending)

    async def _pending(self, owed: Mapping[str, Sequence[str]]) -> Set[str]:
        """Those of these orders that nobody answered which wait for a fetch in each cache that owes them."""
        owing = sorted({cache for caches in owed.values() for cache in caches})
        attempts = await self._attempts.of(list(owed), owing)

        def waits(order_id: str, cache: str) -> bool:
            attempt = attempts.get(order_id, {}).get(cache)
            return attempt is not None and attempt.timed_out

        return {each for each, caches in owed.items() if all(waits(each, cache) for cache in caches)}

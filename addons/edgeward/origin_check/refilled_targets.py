"""Targets that come back after their purge: the origin gives the cache what it does not give the origin check.

An origin may answer 404 without a Referer or for a User-Agent, or another picture at each request. To purge such a
target again and again removes nothing. So when the cache has been filled with the same bytes after the purge and all
its repeats, or a target was purged too often, it is followed no longer for a day, and people are told.

{sweep}:purged:<hash>   JSON: the last purges of a target, each [time (Unix seconds), id of its order, image]
{sweep}:unfollowed      sorted set: "HOST DIGEST" of a target -> until when it is not followed (Unix seconds)
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from edgeward.origin_check.queue import ID_BYTES, ServedTarget
from edgeward.purging.orders import Orders
from edgeward.store.connection import Store

KEEP_SECONDS = 24 * 3600
"""How long a target is not followed, and how long its purges are remembered."""
LONGEST_SECONDS = KEEP_SECONDS + 60
"""What lies further ahead is from before the clock was set back."""
MAX_PURGES = 5
"""So many purges of one target, whatever its images, within COUNTED_SECONDS."""
COUNTED_SECONDS = 3600.0
SETTLED_SECONDS = 10.0
"""A copy from before the purge is served no longer after the last repeat and this time, in which it may be reported."""
UNFOLLOWED = "unfollowed"
MAX_UNFOLLOWED = 10_000
"""Targets that are not followed, the latest."""


class Next(StrEnum):
    """What to do about a target that its origin has removed."""

    PURGE = "purge"
    WAIT = "waiting"
    """It was purged a moment ago: the purge or its repeats are not over."""
    STOP = "unfollowed"
    """The cache was filled with it again, or it was purged too often: it is followed no longer."""


class RefilledTargets:
    """The purges of removed targets, in the store.

    Args:
        caches: names of the configured caches.
        repeat_seconds: delays of the repeats of each purge.
    """

    def __init__(self, store: Store, orders: Orders, caches: Sequence[str], repeat_seconds: Sequence[float]) -> None:
        self._store, self._orders, self._caches = store, orders, caches
        self._repeats = max(repeat_seconds, default=0.0)
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._unfollowed = store.key("{sweep}", UNFOLLOWED)

    async def next(self, served: ServedTarget, now: float) -> Next:
        """What to do about a target that its origin has removed."""
        purges = await self._purges(served)
        same = [(at, order_id) for at, order_id, image in purges if order_id and image == served.image]
        if same:
            settled_at = await self._settled_at(*same[-1])
            if settled_at is None:
                return Next.WAIT
            if settled_at > now + self._repeats + SETTLED_SECONDS + 60:
                # The clock was set back, and does not tell what came after that purge: another one harms nothing.
                return Next.PURGE
            if served.at <= settled_at:
                return Next.WAIT
        if not same and len([at for at, *_ in purges if now - at < COUNTED_SECONDS]) < MAX_PURGES:
            return Next.PURGE
        async with self._store.pipeline() as pipe:
            pipe.zadd(self._unfollowed, {_name(served): now + KEEP_SECONDS})
            pipe.zremrangebyscore(self._unfollowed, "-inf", now)
            pipe.zremrangebyrank(self._unfollowed, 0, -MAX_UNFOLLOWED - 1)
            await pipe.execute()
        return Next.STOP

    async def note_purge(self, served: ServedTarget, order_id: str, now: float) -> None:
        """A target was ordered to be purged, as its origin has removed it."""
        purges = [*await self._purges(served), (now, order_id, served.image)]
        await self._write(served, purges[-MAX_PURGES:])

    async def note_same(self, served: ServedTarget) -> None:
        """The origin has the image: if it is removed later, that is another removal."""
        purges = await self._purges(served)
        if any(order_id and image == served.image for _, order_id, image in purges):
            await self._write(served, [(at, "" if image == served.image else id_, image) for at, id_, image in purges])

    async def is_unfollowed(self, served: ServedTarget, now: float) -> bool:
        until = await self._redis.zscore(self._unfollowed, _name(served))
        return until is not None and now < until <= now + LONGEST_SECONDS

    async def _settled_at(self, placed_at: float, order_id: str) -> float | None:
        """When the purge and its repeats were over (Unix seconds); None: they are not."""
        found = await self._orders.get_many([order_id])
        if not found:
            return placed_at + self._repeats + SETTLED_SECONDS
        outcomes = [outcome for cache in self._caches if (outcome := found[0][1].get(cache))]
        if len(outcomes) < len(self._caches) or not all(outcome.is_final for outcome in outcomes):
            return None
        ended = max((outcome.at for outcome in outcomes), default=placed_at)
        return ended + self._repeats + SETTLED_SECONDS

    async def _purges(self, served: ServedTarget) -> list[tuple[float, str, str]]:
        text = await self._redis.get(self._key(served))
        return [(float(at), str(order_id), str(image)) for at, order_id, image in json.loads(text)] if text else []

    async def _write(self, served: ServedTarget, purges: Sequence[tuple[float, str, str]]) -> None:
        await self._redis.set(self._key(served), json.dumps(purges), ex=KEEP_SECONDS)

    def _key(self, served: ServedTarget) -> str:
        return self._store.key("{sweep}", "purged", _digest(served))


def _digest(served: ServedTarget) -> str:
    return hashlib.blake2b(served.pack()[ID_BYTES:], digest_size=16).hexdigest()


def _name(served: ServedTarget) -> str:
    return f"{served.target.host} {_digest(served)}"


async def unfollowed_targets(store: Store, now: float) -> Counter[str]:
    """How many targets of each host are not followed."""
    redis: Any = store.redis
    names = await redis.zrangebyscore(store.key("{sweep}", UNFOLLOWED), now, now + LONGEST_SECONDS)
    return Counter(name.decode().rpartition(" ")[0] for name in names)

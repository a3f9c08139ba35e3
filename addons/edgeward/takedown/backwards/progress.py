"""How far matching backwards has come with each change, in the store, where every controller can go on with it.

retro:orders:<version>   JSON list of the orders that a change led to, once it has been matched
retro:partial:<version>  list of those of a change that takes longer, as they come
retro:part:<version>     how far that is
"""

import json
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any

from edgeward.store.connection import Store

KEEP_SECONDS = 86400
"""How long it can be asked about a version."""
AT_ONCE = 250
"""Versions in one round trip: a few milliseconds in which nothing else has its turn."""


class Progress:
    """What is on record of each version."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    async def orders_of(self, versions: Sequence[int]) -> list[list[str] | None]:
        """For each version the ids of the orders it led to; None: it has not been matched, or long ago."""
        found: list[bytes | None] = []
        for some in batched(versions, AT_ONCE):
            async with self._store.pipeline() as pipe:
                for version in some:
                    pipe.get(self._orders(version))
                found += await pipe.execute()
        return [json.loads(text) if text is not None else None for text in found]

    async def matched(self, orders: Mapping[int, Sequence[str]]) -> None:
        """These versions are matched, and led to these orders."""
        for some in batched(orders.items(), AT_ONCE):
            async with self._store.pipeline() as pipe:
                for version, ids in some:
                    pipe.set(self._orders(version), json.dumps(list(ids)), ex=KEEP_SECONDS)
                await pipe.execute()

    async def part(self, version: int) -> str:
        """The part of a long change that was done last; "" where it has not been begun."""
        return (await self._redis.get(self._part(version)) or b"").decode()

    async def note(self, version: int, part: str, orders: Sequence[str]) -> None:
        """A part is done, and led to these orders. Those go on record first: twice is better than never."""
        if orders:
            await self._redis.rpush(self._partial(version), *orders)
            await self._redis.expire(self._partial(version), KEEP_SECONDS)
        await self._redis.set(self._part(version), part, ex=KEEP_SECONDS)

    async def parts(self, version: int) -> list[str]:
        """All orders of the parts that are done, each once."""
        ids = await self._redis.lrange(self._partial(version), 0, -1)
        return list(dict.fromkeys(order_id.decode() for order_id in ids))

    def _orders(self, version: int) -> str:
        return self._store.key("retro", "orders", str(version))

    def _partial(self, version: int) -> str:
        return self._store.key("retro", "partial", str(version))

    def _part(self, version: int) -> str:
        return self._store.key("retro", "part", str(version))

"""How far retromatching has come with each change of the lists: in the store, so that any controller can continue.

retro:orders:<version>   JSON list of the ids of the orders that a change led to, once it is matched
retro:partial:<version>  list of the same for a change that is matched in steps, as they are done
retro:part:<version>     the last step that is done
retro:first              the first version of which this is not forgotten
retro:matched            sorted set: a version up to which all was matched -> when that was looked at, Unix seconds

Nothing here expires: imports, takedowns and waits add up what is noted here.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any

from edgeward.store.connection import Store

KEEP_SECONDS = 86400.0
"""How long the orders of a version can be asked for at least."""
VERSIONS_PER_COMMAND = 250
"""Few enough to keep the event loop busy for a few milliseconds only."""


class Progress:
    """The progress on record for each version of the lists."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._first, self._matched = store.key("retro", "first"), store.key("retro", "matched")

    async def orders_of(self, versions: Sequence[int]) -> list[list[str] | None]:
        """For each version the ids of the orders it led to; None if it is not matched yet, or was long ago."""
        texts: list[bytes | None] = []
        for chunk in batched(versions, VERSIONS_PER_COMMAND):
            async with self._store.pipeline() as pipe:
                for version in chunk:
                    pipe.get(self._orders_key(version))
                texts += await pipe.execute()
        return [json.loads(text) if text is not None else None for text in texts]

    async def record_matched(self, orders: Mapping[int, Sequence[str]]) -> None:
        """Record by version the ids of the orders it led to: it is matched."""
        for chunk in batched(orders.items(), VERSIONS_PER_COMMAND):
            async with self._store.pipeline() as pipe:
                for version, ids in chunk:
                    pipe.set(self._orders_key(version), json.dumps(list(ids)))
                await pipe.execute()

    async def last_step(self, version: int) -> str:
        """The name of the last step that is done; "" before the first."""
        return (await self._redis.get(self._step_key(version)) or b"").decode()

    async def record_step(self, version: int, step: str, orders: Sequence[str]) -> None:
        """Record that a step is done and led to these orders."""
        # Orders first: if the process dies in between, the step is done twice rather than its orders forgotten.
        if orders:
            await self._redis.rpush(self._step_orders_key(version), *orders)
            # Earlier releases wrote lists that expire.
            await self._redis.persist(self._step_orders_key(version))
        await self._redis.set(self._step_key(version), step)

    async def step_orders(self, version: int) -> list[str]:
        """The ids of the orders of all steps that are done, each once."""
        ids = await self._redis.lrange(self._step_orders_key(version), 0, -1)
        return list(dict.fromkeys(order_id.decode() for order_id in ids))

    async def forget_old(self, matched: int, now: float) -> None:
        """Forget what is on record of versions that were matched KEEP_SECONDS ago. To be called again and again.

        Args:
            matched: the version up to which all is matched.
            now: the store's time, Unix seconds.
        """
        await self._redis.set(self._first, matched, nx=True)
        await self._redis.zadd(self._matched, {str(matched): now}, nx=True)
        old = [int(version) for version in await self._redis.zrangebyscore(self._matched, "-inf", now - KEEP_SECONDS)]
        if old:
            await self._forget_before(max(old))
            await self._redis.zrem(self._matched, *old)

    async def _forget_before(self, version: int) -> None:
        first = int(await self._redis.get(self._first) or version)
        for chunk in batched(range(first, version), VERSIONS_PER_COMMAND):
            async with self._store.pipeline() as pipe:
                for each in chunk:
                    for key in (self._orders_key(each), self._step_orders_key(each), self._step_key(each)):
                        pipe.unlink(key)
                await pipe.execute()
            await self._redis.set(self._first, chunk[-1] + 1)

    def _orders_key(self, version: int) -> str:
        return self._store.key("retro", "orders", str(version))

    def _step_orders_key(self, version: int) -> str:
        return self._store.key("retro", "partial", str(version))

    def _step_key(self, version: int) -> str:
        return self._store.key("retro", "part", str(version))

"""How far retromatching has come with each change of the lists: in the store, so that any controller can continue.

retro:orders:<version>   JSON list of the ids of the orders that a change led to, once it is matched; null: they are
                         many, and only in retro:partial
retro:partial:<version>  list of the same for a change that is matched in steps, as they are done; some ids twice
retro:part:<version>     the last step that is done
retro:first              the first version of which this is not forgotten
retro:matched            sorted set: a version up to which all was matched -> when that was looked at, Unix seconds

Nothing here expires: imports, takedowns and waits add up what is noted here.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import batched
from typing import Any

from edgeward.store.connection import Store

KEEP_SECONDS = 86400.0
"""How long the orders of a version can be asked for at least."""
VERSIONS_PER_COMMAND = 250
"""Few enough to keep the event loop busy for a few milliseconds only."""
ORDERS_PER_PIECE = 1000
"""Ids of orders that are written or read with one command."""


class Progress:
    """The progress on record for each version of the lists."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._first, self._matched = store.key("retro", "first"), store.key("retro", "matched")

    async def orders_of(self, versions: Sequence[int]) -> list[list[str] | None]:
        """For each version the ids of the orders it led to; None if it is not matched yet, or was long ago.

        A change that was matched in steps may have led to hundreds of thousands: see `order_pieces`.
        """
        texts: list[bytes | None] = []
        for chunk in batched(versions, VERSIONS_PER_COMMAND):
            async with self._store.pipeline() as pipe:
                for version in chunk:
                    pipe.get(self._orders_key(version))
                texts += await pipe.execute()
        return [
            await self._orders_in(version, text) if text is not None else None
            for version, text in zip(versions, texts, strict=True)
        ]

    async def order_pieces(self, version: int, after: int = 0) -> AsyncIterator[list[str]]:
        """The ids of the orders that a version led to so far, in pieces of up to ORDERS_PER_PIECE, without the first
        `after`. It need not be matched to its end: later ids come after those that are there. Some may come twice."""
        if not await self._redis.exists(self._step_orders_key(version)):
            text = await self._redis.get(self._orders_key(version)) or b"[]"
            for some in batched((json.loads(text) or [])[after:], ORDERS_PER_PIECE):
                yield list(some)
        while piece := await self._redis.lrange(self._step_orders_key(version), after, after + ORDERS_PER_PIECE - 1):
            after += len(piece)
            yield [order_id.decode() for order_id in piece]

    async def _orders_in(self, version: int, text: bytes) -> list[str]:
        ids: list[str] | None = json.loads(text)
        return await self.step_orders(version) if ids is None else ids

    async def record_matched(self, orders: Mapping[int, Sequence[str]]) -> None:
        """Record by version the ids of the orders it led to: it is matched."""
        for chunk in batched(orders.items(), VERSIONS_PER_COMMAND):
            async with self._store.pipeline() as pipe:
                for version, ids in chunk:
                    pipe.set(self._orders_key(version), json.dumps(list(ids)))
                await pipe.execute()

    async def record_stepped(self, version: int) -> None:
        """Record that all steps of a version are done: it is matched."""
        many = await self._redis.llen(self._step_orders_key(version)) > ORDERS_PER_PIECE
        text = "null" if many else json.dumps(await self.step_orders(version))
        await self._redis.set(self._orders_key(version), text)

    async def last_step(self, version: int) -> str:
        """The name of the last step that is done; "" before the first."""
        return (await self._redis.get(self._step_key(version)) or b"").decode()

    async def record_step(self, version: int, step: str, orders: Sequence[str]) -> None:
        """Record that a step is done and led to these orders."""
        # Orders first: if the process dies in between, the step is done twice rather than its orders forgotten.
        for some in batched(orders, ORDERS_PER_PIECE):
            await self._redis.rpush(self._step_orders_key(version), *some)
            # Earlier releases wrote lists that expire.
            await self._redis.persist(self._step_orders_key(version))
        await self._redis.set(self._step_key(version), step)

    async def step_orders(self, version: int) -> list[str]:
        """The ids of the orders of all steps that are done, each once."""
        found = dict[str, None]()
        after = 0
        while piece := await self._redis.lrange(self._step_orders_key(version), after, after + ORDERS_PER_PIECE - 1):
            found |= dict.fromkeys(order_id.decode() for order_id in piece)
            after += len(piece)
        return list(found)

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

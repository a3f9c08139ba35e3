"""Takedowns on record: who said that what is gone, when and by which way, and the purge orders that came of it.

{takedowns}:record:<id>  hash: the takedown as JSON, and how far it is (`Progress`)
{takedowns}:orders:<id>  list: ids of its purge orders
{takedowns}:index        id -> when it was asked for
{takedowns}:open         id -> when its lease ends: those whose orders are not all placed yet
{takedowns}:key:<key>    "id digest": the takedown that was asked for under an idempotency key, and as what
"""

import hashlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from edgeward.errors import Conflict, NotFound
from edgeward.store.connection import Store
from edgeward.store.leases import CLAIM
from edgeward.types import Signal, Target

PREFIX = "td-"
"""What a takedown's id begins with: an entry's never does."""
LEASE_SECONDS = 5.0
"""Who works on a takedown and is not heard from for so long is dead: another controller goes on with it."""
IDS_AT_ONCE = 1000

# KEYS: record, open, index, then the idempotency key where there is one. ARGV: id, takedown, digest, at
_CREATE = """
if KEYS[4] then
  local known = redis.call('GET', KEYS[4])
  if known then return known end
  redis.call('SET', KEYS[4], ARGV[1] .. ' ' .. ARGV[3])
end
redis.call('HSET', KEYS[1], 'takedown', ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
return false
"""

# KEYS: record, orders. ARGV: field, value, then ids of orders
_PROGRESS = """
for i = 3, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
"""

# KEYS: record, open. ARGV: id, at
_FINISH = """
redis.call('HSET', KEYS[1], 'placed_at', ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[1])
"""


@dataclass(frozen=True, slots=True)
class Takedown:
    """What was said to be gone. `at` is Unix seconds, `way` is "api" or "webhook".

    `urls` are plain targets; `prefixes` too, of which all below is meant. `list` is the list that the signals go to,
    and `version` that of the lists when it was asked for. `hosts` bounds where images of the signals are purged: ()
    is everywhere.
    """

    by: str
    way: str
    at: float
    why: str = ""
    urls: tuple[Target, ...] = ()
    prefixes: tuple[Target, ...] = ()
    signals: tuple[Signal, ...] = ()
    list: str = ""
    hosts: tuple[str, ...] = ()
    version: int = 0
    key: str = ""
    id: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data = json.loads(text)
        for name in ("urls", "prefixes"):
            data[name] = tuple(map(Target.from_dict, data[name]))
        data["signals"] = tuple(Signal.from_dict(signal) for signal in data["signals"])
        data["hosts"] = tuple(data["hosts"])
        return cls(**data)

    @property
    def digest(self) -> str:
        """Tells whether the same was asked for, whenever that was."""
        what = replace(self, at=0.0, version=0, id="").to_json()
        return hashlib.blake2b(what.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a takedown is. `placed_at`: when all its orders were placed, Unix seconds; 0 before.

    `parts`: parts of it that are done; `orders`: how many orders it has; `trouble`: what of it could not be done.
    """

    placed_at: float = 0.0
    parts: int = 0
    orders: int = 0
    trouble: str = ""


class Takedowns:
    """Takedowns in the store, until their orders are forgotten."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._open = store.key("{takedowns}", "open")
        self._index = store.key("{takedowns}", "index")

    async def create(self, takedown: Takedown) -> tuple[Takedown, bool]:
        """Put a takedown on record for good, to be carried out: (as it stands there, whether it is new).

        Raises:
            Conflict: something else was asked for under the same idempotency key.
        """
        digest = takedown.digest
        keys = [self._record(takedown.id), self._open, self._index]
        keys += [self._key(takedown.key)] if takedown.key else []
        known = await self._store.run_durably(
            _CREATE, keys, [takedown.id, takedown.to_json(), digest, f"{takedown.at:.6f}"]
        )
        if known is None:
            return takedown, True
        old_id, _, old_digest = known.decode().partition(" ")
        if old_digest != digest:
            raise Conflict(f"the takedown {old_id} was asked for under the same key, and was another")
        return (await self.get(old_id))[0], False

    async def get(self, takedown_id: str) -> tuple[Takedown, Progress]:
        """A takedown, and how far it is.

        Raises:
            NotFound: there is none of this id, or no longer.
        """
        found = await self._read([takedown_id])
        if not found:
            raise NotFound(f"no takedown {takedown_id!r}")
        return found[0]

    async def recent(self, limit: int = 100) -> list[tuple[Takedown, Progress]]:
        """The latest takedowns, newest first."""
        ids = await self._redis.zrevrange(self._index, 0, limit - 1)
        return await self._read([takedown_id.decode() for takedown_id in ids])

    async def _read(self, ids: Sequence[str]) -> list[tuple[Takedown, Progress]]:
        async with self._store.pipeline() as pipe:
            for takedown_id in ids:
                pipe.hgetall(self._record(takedown_id))
                pipe.llen(self._orders(takedown_id))
            found = await pipe.execute()
        return [
            (Takedown.from_json(fields[b"takedown"]), _progress(fields, orders))
            for fields, orders in zip(found[::2], found[1::2], strict=True)
            if fields
        ]

    async def orders(self, takedown_id: str, start: int = 0, limit: int = IDS_AT_ONCE) -> list[str]:
        """Ids of its orders, in the order in which they were placed, from number `start` on."""
        found = await self._redis.lrange(self._orders(takedown_id), start, start + limit - 1)
        return [order_id.decode() for order_id in found]

    async def all_orders(self, takedown_id: str) -> AsyncIterator[str]:
        """Ids of all its orders."""
        start = 0
        while ids := await self.orders(takedown_id, start):
            for order_id in ids:
                yield order_id
            start += len(ids)

    async def claim(self, limit: int, in_hand: Sequence[str]) -> list[str]:
        """Up to `limit` takedowns that nobody works on; they are the caller's for LEASE_SECONDS, as are `in_hand`."""
        free = await self._store.run(CLAIM, [self._open], [LEASE_SECONDS, limit, *in_hand])
        return [takedown_id.decode() for takedown_id in free]

    async def note_part(self, takedown_id: str, parts: int, order_ids: Sequence[str]) -> None:
        """So many parts are done; these are orders of theirs, or of the next."""
        await self._note(takedown_id, "parts", parts, order_ids)

    async def note_trouble(self, takedown_id: str, trouble: str) -> None:
        """A part can't be done."""
        await self._note(takedown_id, "trouble", trouble, ())

    async def _note(self, takedown_id: str, field: str, value: str | int, order_ids: Sequence[str]) -> None:
        keys = [self._record(takedown_id), self._orders(takedown_id)]
        for start in range(0, max(1, len(order_ids)), IDS_AT_ONCE):
            await self._store.run(_PROGRESS, keys, [field, value, *order_ids[start : start + IDS_AT_ONCE]])

    async def finish(self, takedown_id: str) -> None:
        """All orders are placed."""
        keys = [self._record(takedown_id), self._open]
        await self._store.run_durably(_FINISH, keys, [takedown_id, f"{time.time():.6f}"])

    async def older(self, before: float, limit: int = 10_000) -> list[tuple[str, str]]:
        """Takedowns asked for before that time that are carried out, oldest first: (id, id of its last order or "")."""
        ids = await self._redis.zrangebyscore(self._index, "-inf", before, start=0, num=limit)
        async with self._store.pipeline() as pipe:
            for takedown_id in ids:
                # In this order: what is open no longer gets no more orders.
                pipe.zscore(self._open, takedown_id)
                pipe.lindex(self._orders(takedown_id.decode()), -1)
            found = await pipe.execute()
        rows = zip(ids, found[::2], found[1::2], strict=True)
        return [(each.decode(), order.decode() if order else "") for each, lease, order in rows if lease is None]

    async def forget(self, takedown_id: str) -> None:
        """Remove all that is known of a takedown, unless it is still to be carried out."""
        takedown, progress = await self.get(takedown_id)
        if not progress.placed_at:
            return
        keys = [self._record(takedown_id), self._orders(takedown_id)]
        async with self._store.pipeline() as pipe:
            pipe.delete(*keys, *([self._key(takedown.key)] if takedown.key else []))
            pipe.zrem(self._open, takedown_id)
            pipe.zrem(self._index, takedown_id)
            await pipe.execute()

    def _record(self, takedown_id: str) -> str:
        return self._store.key("{takedowns}", "record", takedown_id)

    def _orders(self, takedown_id: str) -> str:
        return self._store.key("{takedowns}", "orders", takedown_id)

    def _key(self, key: str) -> str:
        return self._store.key("{takedowns}", "key", key)


def _progress(fields: dict[bytes, bytes], orders: int) -> Progress:
    return Progress(
        placed_at=float(fields.get(b"placed_at", 0)),
        parts=int(fields.get(b"parts", 0)),
        orders=orders,
        trouble=fields.get(b"trouble", b"").decode(),
    )

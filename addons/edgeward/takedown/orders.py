"""Purge orders: one stream, and one consumer group on it per cache. What a cache has not done yet stays its own."""

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from edgeward.errors import NotFound
from edgeward.store.connection import Store
from edgeward.takedown.group import Group, Item
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder, Target

PLACE_AT_ONCE = 500
LEASE_SECONDS = 30.0
"""A repeat that was taken and not done within this time is handed out again: its taker is dead."""
POLL_SECONDS = (0.003, 0.05)
"""How often wait_done looks: at first, and at most."""
GONE = (Delivery.VERIFIED, Delivery.DELIVERED)

_ID = re.compile(r"\d{1,20}-\d{1,20}")
_ORDER = b"order"

_PLACE = """
local ids = {}
for i, order in ipairs(ARGV) do ids[i] = redis.call('XADD', KEYS[1], '*', 'order', order) end
return ids
"""

# KEYS: stream, outcomes of the order, repeats of this cache, repeats of each outer cache
# ARGV: cache, order id, outcome or '', repeat that this was or '', now, number of due times, due times, outer caches
_DONE = """
local stream, outcomes, repeats = KEYS[1], KEYS[2], KEYS[3]
local cache, id, outcome, member, now, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
if outcome ~= '' then redis.call('HSET', outcomes, cache, outcome) end
if member ~= '' then redis.call('ZREM', repeats, member) end
for i = 1, count do redis.call('ZADD', repeats, ARGV[6 + i], id .. '/' .. ARGV[6 + i]) end
for i = 4, #KEYS do
  if redis.call('HEXISTS', outcomes, ARGV[6 + count + i - 3]) == 1 then
    redis.call('ZADD', KEYS[i], now, id .. '/' .. now)
  end
end
redis.call('XACK', stream, cache, id)
"""

# KEYS: stream, repeats of this cache. ARGV: now, lease, limit, prefix of outcome keys, cache
_DUE = """
local found = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local id = string.match(member, '^[^/]+')
  local item = redis.call('XRANGE', KEYS[1], id, id)[1]
  if item then
    redis.call('ZADD', KEYS[2], ARGV[2], member)
    found[#found + 1] = {member, id, item[2][2], redis.call('HGET', ARGV[4] .. id, ARGV[5])}
  else
    redis.call('ZREM', KEYS[2], member)
  end
end
return found
"""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A purge to be done again. `previous` is the outcome on record; `member` names it in the schedule."""

    order: PurgeOrder
    member: str
    previous: Outcome | None


class Orders:
    """Orders are on record until every cache has done them and their time is up; see `trim`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._stream = store.key("{purges}", "orders")
        self._outcomes = store.key("{purges}", "outcomes", "")
        self._groups: dict[str, Group] = {}

    async def place(self, orders: Sequence[PurgeOrder]) -> list[str]:
        """Order purges at every cache. Returns the orders' ids once the store has them for good."""
        ids: list[str] = []
        for start in range(0, len(orders), PLACE_AT_ONCE):
            texts = [_order_to_json(order) for order in orders[start : start + PLACE_AT_ONCE]]
            ids += [order_id.decode() for order_id in await self._store.run_durably(_PLACE, [self._stream], texts)]
        return ids

    async def get(self, order_id: str) -> tuple[PurgeOrder, dict[str, Outcome]]:
        """The order, and by cache what became of it.

        Raises:
            NotFound: there is no such order, or no longer.
        """
        found = await self._redis.xrange(self._stream, order_id, order_id) if _ID.fullmatch(order_id) else []
        if not found:
            raise NotFound(f"no purge order {order_id!r}")
        return (await self._with_outcomes(found))[0]

    async def recent(self, limit: int = 100) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        """The latest orders with their outcomes by cache, newest first."""
        return await self._with_outcomes(await self._redis.xrevrange(self._stream, count=limit))

    async def _with_outcomes(
        self, found: Sequence[tuple[bytes, Mapping[bytes, bytes]]]
    ) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        orders = [_order((order_id.decode(), fields)) for order_id, fields in found]
        return list(zip(orders, await self._outcomes_of([order.id for order in orders]), strict=True))

    async def _outcomes_of(self, ids: Sequence[str]) -> list[dict[str, Outcome]]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for order_id in ids:
                pipe.hgetall(self._outcomes + order_id)
            found = await pipe.execute()
        return [{cache.decode(): _outcome(text) for cache, text in outcomes.items()} for outcomes in found]

    async def ensure_group(self, cache: str) -> None:
        """Let a cache have orders. One that is new has all that are on record."""
        await self._group(cache).ensure()

    async def take(self, cache: str, consumer: str, count: int, block_ms: int) -> list[PurgeOrder]:
        """The cache's next orders; waits for some up to `block_ms`."""
        return _orders(await self._group(cache).take(consumer, count, block_ms))

    async def mine(self, cache: str, consumer: str, after: str = "0") -> list[PurgeOrder]:
        """Orders that this consumer took and did not finish, in an earlier life perhaps. `after` is an id."""
        return _orders(await self._group(cache).mine(consumer, after))

    async def claim(self, cache: str, consumer: str, idle_ms: int) -> list[PurgeOrder]:
        """Take over the orders of consumers that died."""
        return _orders(await self._group(cache).claim(consumer, idle_ms))

    async def hold(self, cache: str, consumer: str, ids: Sequence[str], members: Sequence[str]) -> None:
        """Keep orders (by id) and repeats (by member) that are being worked on from being handed out again."""
        await self._group(cache).hold(consumer, ids)
        if members:
            lease = time.time() + LEASE_SECONDS
            await self._redis.zadd(self._repeats(cache), dict.fromkeys(members, lease), xx=True)

    async def done(
        self,
        cache: str,
        order: PurgeOrder,
        outcome: Outcome | None,
        repeats: Sequence[float] = (),
        member: str = "",
        outer: Sequence[str] = (),
    ) -> None:
        """Atomically: record the outcome, acknowledge the order, schedule its repeats.

        Args:
            outcome: None keeps the one on record.
            repeats: when to purge again, Unix seconds.
            member: the repeat that this was; "" for the order's first purge.
            outer: caches that may have filled themselves from this one: those that were purged before it are again.
        """
        keys = [self._stream, self._outcomes + order.id, *map(self._repeats, (cache, *outer))]
        text = json.dumps(asdict(outcome), separators=(",", ":")) if outcome else ""
        args: list[str | int] = [cache, order.id, text, member, f"{time.time():.3f}", len(repeats)]
        await self._store.run(_DONE, keys, [*args, *(f"{due:.3f}" for due in repeats), *outer])

    async def due_repeats(self, cache: str, now: float, limit: int = 100) -> list[Repeat]:
        """Repeats whose time has come (`now` in Unix seconds). Each is leased to the caller for LEASE_SECONDS."""
        keys = [self._stream, self._repeats(cache)]
        found = await self._store.run(_DUE, keys, [now, now + LEASE_SECONDS, limit, self._outcomes, cache])
        return [
            Repeat(_order((order_id.decode(), {_ORDER: text})), member.decode(), _outcome(old) if old else None)
            for member, order_id, text, old in found
        ]

    async def pending(self, cache: str) -> tuple[int, float]:
        """(orders that the cache still owes, age of the oldest in seconds)."""
        owed = await self._group(cache).owed()
        age = time.time() - _milliseconds(owed.oldest) / 1000 if owed.oldest else 0.0
        return owed.count, max(0.0, age)

    async def wait_done(self, ids: Sequence[str], caches: Sequence[str], timeout: float) -> dict[str, int]:
        """Wait until every cache has an outcome for every order. Returns how many orders each has not removed
        yet (waiting, or refused), without the caches that have done all; {} means gone everywhere."""
        deadline = time.monotonic() + timeout
        pause, most = POLL_SECONDS
        left = dict.fromkeys(caches, len(ids)) if ids else {}
        refused = dict.fromkeys(caches, 0)
        open_ids = list(ids)
        while open_ids and left:
            outcomes = dict(zip(open_ids, await self._outcomes_of(open_ids), strict=True))
            open_ids = [order_id for order_id in open_ids if not set(caches) <= outcomes[order_id].keys()]
            for order_id in outcomes.keys() - set(open_ids):
                for cache in caches:
                    refused[cache] += outcomes[order_id][cache].delivery not in GONE
            left = {c: sum(c not in outcomes[order_id] for order_id in open_ids) for c in caches}
            if not open_ids or time.monotonic() >= deadline:
                break
            await asyncio.sleep(pause)
            pause = min(most, pause * 1.5)
        return {cache: owed for cache in caches if (owed := left.get(cache, 0) + refused[cache])}

    async def trim(self, caches: Sequence[str], keep_seconds: float) -> None:
        """Forget orders older than `keep_seconds`, but none that one of the (configured) `caches` still owes."""
        limits = [f"{int((time.time() - keep_seconds) * 1000)}-0"]
        for cache in caches:
            await self.ensure_group(cache)
            limits.append((await self._group(cache).owed()).oldest)
        limit = min((known for known in limits if known), key=_parts)
        while items := await self._redis.xrange(self._stream, "-", f"({limit}", count=PLACE_AT_ONCE):
            await self._redis.delete(*(self._outcomes + order_id.decode() for order_id, _ in items))
            last = items[-1][0].decode()
            await self._redis.xtrim(self._stream, minid=_following(last), approximate=False)

    def _group(self, cache: str) -> Group:
        if cache not in self._groups:
            self._groups[cache] = Group(self._store, self._stream, cache)
        return self._groups[cache]

    def _repeats(self, cache: str) -> str:
        return self._store.key("{purges}", "repeats", cache)


def _orders(items: Sequence[Item]) -> list[PurgeOrder]:
    return [_order(item) for item in items]


def _order(item: Item) -> PurgeOrder:
    order_id, fields = item
    data = json.loads(fields[_ORDER])
    target, cause = Target.from_dict(data.pop("target")), Cause(data.pop("cause"))
    return replace(PurgeOrder(target, cause, **data), id=order_id)


def _order_to_json(order: PurgeOrder) -> str:
    data = asdict(order)
    del data["id"]
    return json.dumps(data, separators=(",", ":"))


def _outcome(text: bytes) -> Outcome:
    data = json.loads(text)
    return Outcome(delivery=Delivery(data.pop("delivery")), **data)


def _parts(stream_id: str) -> tuple[int, int]:
    milliseconds, _, number = stream_id.partition("-")
    return int(milliseconds), int(number)


def _milliseconds(stream_id: str) -> int:
    return _parts(stream_id)[0]


def _following(stream_id: str) -> str:
    milliseconds, number = _parts(stream_id)
    return f"{milliseconds}-{number + 1}"

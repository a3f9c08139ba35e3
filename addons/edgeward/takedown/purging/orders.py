"""Purge orders: one stream, and one consumer group on it per cache. What a cache has not done yet stays its own."""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from edgeward.errors import NotFound
from edgeward.store.connection import Store
from edgeward.takedown.group import NO_GROUP, Group, Item
from edgeward.takedown.purging.nodes import Nodes
from edgeward.takedown.purging.records import order_from, order_to_json, orders_from, outcome_from, outcome_to_json
from edgeward.takedown.purging.repeats import Repeat, Repeats
from edgeward.takedown.purging.standing import Standing
from edgeward.types import Delivery, Outcome, PurgeOrder

AT_ONCE = 500
"""Orders in one command to the store."""
CONSUMER_SECONDS = 86400.0
"""A controller that has been silent for so long and owes nothing is forgotten."""
GONE = (Delivery.VERIFIED, Delivery.DELIVERED)

_ID = re.compile(r"\d{1,20}-\d{1,20}")
_ORDER = b"order"

# The scripts hand orders out as one JSON text: reading it takes a tenth of the time of reading as many answers.

_ENTRY = """
local function entry_of(order) return string.match(order, '"entry_id":"(%x+)"') end
"""
"""The entry that an order as JSON names. No text in it can look like that: its quotes are escaped."""

# KEYS: stream. ARGV: prefix of the keys with the orders of an entry, then the orders
_PLACE = (
    _ENTRY
    + """
local ids = {}
for i = 2, #ARGV do
  ids[i - 1] = redis.call('XADD', KEYS[1], '*', 'order', ARGV[i])
  local entry = entry_of(ARGV[i])
  if entry then redis.call('SADD', ARGV[1] .. entry, ids[i - 1]) end
end
return ids
"""
)

# KEYS: stream. ARGV: cache, consumer, count
_TAKE = f"""
local taken = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
if not taken then return '' end
if taken.err then return string.find(taken.err, '{NO_GROUP}', 1, true) == 1 and '' or taken end
local rows = {{}}
for i, item in ipairs(taken[1][2]) do rows[i] = '["' .. item[1] .. '",' .. item[2][2] .. ']' end
return '[' .. table.concat(rows, ',') .. ']'
"""

# KEYS: stream. ARGV: prefix of outcome keys, ids
_OF = """
local rows = {}
for i = 2, #ARGV do
  local item = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  if item then
    local found, outcomes = redis.call('HGETALL', ARGV[1] .. ARGV[i]), {}
    for n = 1, #found, 2 do outcomes[#outcomes + 1] = '"' .. found[n] .. '":' .. found[n + 1] end
    rows[#rows + 1] = '["' .. ARGV[i] .. '",' .. item[2][2] .. ',{' .. table.concat(outcomes, ',') .. '}]'
  end
end
return '[' .. table.concat(rows, ',') .. ']'
"""

# An outcome counts for an order that was owed, or a repeat that was due, and is on record still: not for one that
# another controller has done meanwhile, nor one that was forgotten.
# KEYS: stream, repeats and refused orders of this cache, repeats of each outer cache
# ARGV: cache, now, prefix of outcome keys, rows as JSON (see Done), outer caches
_DONE = """
local stream, repeats, refusals = KEYS[1], KEYS[2], KEYS[3]
local cache, now, prefix = ARGV[1], ARGV[2], ARGV[3]
local function counts(id, member)
  if member ~= '' then
    redis.call('ZREM', repeats, member)
    return redis.call('EXISTS', prefix .. id) == 1
  end
  if redis.call('XACK', stream, cache, id) == 1 then return true end
  return redis.call('HEXISTS', prefix .. id, cache) == 0 and #redis.call('XRANGE', stream, id, id) == 1
end
for _, row in ipairs(cjson.decode(ARGV[4])) do
  local id, member, outcome, refused, again, due, outer = unpack(row)
  if counts(id, member) then
    if outcome ~= '' then
      redis.call('HSET', prefix .. id, cache, outcome)
      if refused then redis.call('SADD', refusals, id) elseif member ~= '' then redis.call('SREM', refusals, id) end
    end
    if again ~= '' then redis.call('ZADD', repeats, due, again) end
    for i = 4, outer and #KEYS or 0 do
      if redis.call('HEXISTS', prefix .. id, ARGV[i + 1]) == 1 then
        redis.call('ZADD', KEYS[i], now, id .. '/' .. now)
      end
    end
  end
end
"""

# KEYS: stream, refused orders of each cache
# ARGV: first id that stays, prefix of outcome keys, count, prefix of the keys with the orders of an entry
_TRIM = (
    _ENTRY
    + """
local items = redis.call('XRANGE', KEYS[1], '-', '(' .. ARGV[1], 'COUNT', ARGV[3])
if #items == 0 then return 0 end
local ids, outcomes = {}, {}
for i, item in ipairs(items) do
  ids[i], outcomes[i] = item[1], ARGV[2] .. item[1]
  local entry = entry_of(item[2][2])
  if entry then redis.call('SREM', ARGV[4] .. entry, item[1]) end
end
redis.call('DEL', unpack(outcomes))
for i = 2, #KEYS do redis.call('SREM', KEYS[i], unpack(ids)) end
return redis.call('XTRIM', KEYS[1], 'MAXLEN', redis.call('XLEN', KEYS[1]) - #items)
"""
)


@dataclass(frozen=True, slots=True)
class Done:
    """An order that a cache has done, to be put on record.

    Attributes:
        outcome: None keeps the one on record.
        member: the repeat that this was; "" for the order's first purge.
        again: the repeat to schedule, and when it is due in Unix seconds; ("", 0.0) for none.
        outer: caches of outer tiers may have filled themselves from this one: those that were purged before are again.
    """

    order_id: str
    outcome: Outcome | None
    member: str = ""
    again: tuple[str, float] = ("", 0.0)
    outer: bool = False


class Orders:
    """Orders are on record until every cache has done them and their time is up; see `trim`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._stream = store.key("{purges}", "orders")
        self._outcomes = store.key("{purges}", "outcomes", "")
        self._entries = store.key("{purges}", "entry", "")
        self._repeats = Repeats(store, self._stream, self._outcomes)
        self._standing = Standing(store, self._stream, self._outcomes)
        self._nodes = Nodes(store, self._stream, self._repeats.key(""), self._refused(""))
        self._groups: dict[str, Group] = {}

    async def place(self, orders: Sequence[PurgeOrder]) -> list[str]:
        """Order purges at every cache. Returns the orders' ids once the store has them for good."""
        ids: list[str] = []
        for some in batched(orders, AT_ONCE):
            texts = [self._entries, *map(order_to_json, some)]
            ids += [order_id.decode() for order_id in await self._store.run_durably(_PLACE, [self._stream], texts)]
        return ids

    async def get(self, order_id: str) -> tuple[PurgeOrder, dict[str, Outcome]]:
        """The order, and by cache what became of it.

        Raises:
            NotFound: there is no such order, or no longer.
        """
        found = await self.of([order_id])
        if not found:
            raise NotFound(f"no purge order {order_id!r}")
        return found[0]

    async def of(self, ids: Sequence[str]) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        """Each of these orders with its outcomes by cache, in this order; without those that are not on record."""
        rows: list[Any] = []
        for some in batched([order_id for order_id in ids if _ID.fullmatch(order_id)], AT_ONCE):
            rows += json.loads(await self._store.run(_OF, [self._stream], [self._outcomes, *some]))
        return [
            (order_from(order_id, data), {c: outcome_from(order_id, c, what) for c, what in outcomes.items()})
            for order_id, data, outcomes in rows
        ]

    async def of_entries(self, entry_ids: Sequence[str]) -> list[str]:
        """Ids of the orders that these entries led to, oldest first."""
        async with self._store.pipeline() as pipe:
            for entry_id in entry_ids:
                pipe.smembers(self._entries + entry_id)
            found = await pipe.execute()
        return sorted((order_id.decode() for ids in found for order_id in ids), key=_parts)

    async def recent(self, limit: int = 100) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        """The latest orders with their outcomes by cache, newest first."""
        latest = await self._redis.xrevrange(self._stream, count=limit)
        return await self.of([order_id.decode() for order_id, _ in latest])

    async def ensure_group(self, cache: str) -> None:
        """Let a cache have orders, and keep it from being forgotten. One that is new has all that are on record."""
        await self._nodes.present(self._group(cache), cache)

    async def take(self, cache: str, consumer: str, count: int, block_ms: int) -> list[PurgeOrder]:
        """The cache's next orders, up to `count`; where there is none, waits for one up to `block_ms`."""
        if text := await self._store.run(_TAKE, [self._stream], [cache, consumer, count]):
            return orders_from(json.loads(text))
        return _orders(await self._group(cache).take(consumer, 1, block_ms))

    async def mine(self, cache: str, consumer: str, after: str = "0") -> list[PurgeOrder]:
        """Orders that this consumer took and did not finish, in an earlier life perhaps. `after` is an id."""
        return _orders(await self._group(cache).mine(consumer, after))

    async def claim(self, cache: str, consumer: str, idle_ms: int, count: int = 100) -> list[PurgeOrder]:
        """Take over orders of consumers that died."""
        return _orders(await self._group(cache).claim(consumer, idle_ms, count))

    async def hold(self, cache: str, consumer: str, ids: Sequence[str], members: Sequence[str]) -> None:
        """Keep orders (by id) and repeats (by member) that are being worked on from being handed out again."""
        await self._group(cache).hold(consumer, ids)
        await self._repeats.hold(cache, members)

    async def done_many(self, cache: str, results: Sequence[Done], outer: Sequence[str] = ()) -> None:
        """Atomically: record the outcomes, acknowledge the orders, schedule their repeats.

        Args:
            outer: the caches of outer tiers, see Done.
        """
        keys = [self._stream, self._repeats.key(cache), self._refused(cache), *map(self._repeats.key, outer)]
        rows = json.dumps([_row(done) for done in results], separators=(",", ":"))
        await self._store.run(_DONE, keys, [cache, f"{time.time():.3f}", self._outcomes, rows, *outer])

    async def due_repeats(self, cache: str, now: float, limit: int = 100) -> list[Repeat]:
        """Repeats whose time has come (`now` in Unix seconds). Each is leased to the caller for LEASE_SECONDS."""
        return await self._repeats.due(cache, now, limit)

    async def pending(self, cache: str) -> tuple[int, float]:
        """(orders that the cache still owes, age of the oldest in seconds)."""
        owed = await self._group(cache).owed()
        age = time.time() - int(owed.oldest.partition("-")[0]) / 1000 if owed.oldest else 0.0
        return owed.count, max(0.0, age)

    async def refused(self, cache: str) -> int:
        """How many orders the cache refuses."""
        return int(await self._redis.scard(self._refused(cache)))

    async def wait_done(self, ids: Sequence[str], caches: Sequence[str], timeout: float) -> dict[str, int]:
        """Wait until every cache has an outcome for every order. Returns how many orders each has not removed
        yet (waiting, or refused), without the caches that have done all; {} means gone everywhere."""
        return await self._standing.wait_done(ids, caches, timeout)

    async def trim(self, keep_seconds: float) -> None:
        """Forget orders older than `keep_seconds`, but none that a cache still owes; and caches and consumers that
        have been absent for very long."""
        caches = await self._nodes.drop_absent(keep_seconds)
        limits = [f"{int((time.time() - keep_seconds) * 1000)}-0"]
        for cache in caches:
            await self._group(cache).forget_consumers(CONSUMER_SECONDS)
            limits.append((await self._group(cache).owed()).oldest)
        limit = min((known for known in limits if known), key=_parts)
        keys = [self._stream, *map(self._refused, caches)]
        while await self._store.run(_TRIM, keys, [limit, self._outcomes, AT_ONCE, self._entries]):
            pass

    def _group(self, cache: str) -> Group:
        if cache not in self._groups:
            self._groups[cache] = Group(self._store, self._stream, cache)
        return self._groups[cache]

    def _refused(self, cache: str) -> str:
        return self._store.key("{purges}", "refused", cache)


def _row(done: Done) -> list[Any]:
    outcome = outcome_to_json(done.outcome) if done.outcome else ""
    refused = done.outcome is not None and done.outcome.delivery is Delivery.REFUSED
    member, due = done.again
    return [done.order_id, done.member, outcome, refused, member, f"{due:.3f}", done.outer]


def _orders(items: Sequence[Item]) -> list[PurgeOrder]:
    return orders_from((order_id, json.loads(fields[_ORDER])) for order_id, fields in items)


def _parts(stream_id: str) -> tuple[int, int]:
    milliseconds, _, number = stream_id.partition("-")
    return int(milliseconds), int(number)

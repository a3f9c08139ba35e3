"""Purge orders in the store: one Redis stream, with one consumer group per cache.

{purges}:orders            the stream of orders
{purges}:outcomes:<order>  hash: cache -> outcome of that order
{purges}:entry:<entry>     set of the orders that a list entry led to
{purges}:lost:<list>       orders for hosts of lost sightings, see lost_orders.py
{purges}:unjudged          set of the orders for responses that could not be judged, until all caches have done them
{purges}:unanswered        those of them whose response nobody has seen headers of (see unjudged_orders.py)
{purges}:refused:<cache>   set of the orders that a cache refuses
{purges}:waiting:<cache>   hash: order -> its last failed attempt, while the cache owes it
{purges}:repeats:<cache>   schedule of repeated purges, see repeat_schedule.py
{purges}:nodes             hash: cache -> when a controller configured it last
{purges}:clock             the steps of the store's clock, see schedule_clock.py
"""

import json
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import batched
from typing import Any, Self

from edgeward.background.consumer_group import NO_GROUP, ConsumerGroup, beats_key
from edgeward.errors import NotFound
from edgeward.purging.cache_nodes import Nodes, id_numbers
from edgeward.purging.codec import (
    order_or_stand_in,
    order_to_json,
    orders_from_rows,
    outcome_to_json,
    outcomes_from_dict,
    rows_from_items,
)
from edgeward.purging.completion import OrderCompletion
from edgeward.purging.controllers import Controllers
from edgeward.purging.failed_attempts import FailedAttempts
from edgeward.purging.key_mismatches import KeyMismatches
from edgeward.purging.lost_orders import LostOrders
from edgeward.purging.old_orders import OldOrders
from edgeward.purging.recorded_outcomes import RecordedOutcomes
from edgeward.purging.refused_retries import RefusedRetries
from edgeward.purging.repeat_schedule import Repeat, RepeatSchedule
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.purging.shared_orders import SharedOrders
from edgeward.purging.unjudged_orders import Unjudged, UnjudgedOrders
from edgeward.store.connection import Store
from edgeward.types import Delivery, Outcome, PurgeOrder, Scope, Target

ORDERS_PER_COMMAND = 500
CARRIED_OUT = (Delivery.VERIFIED, Delivery.DELIVERED)
"""The deliveries of an order that the cache carried out."""

_ID = re.compile(r"\d{1,20}-\d{1,20}")

# The scripts return orders as one JSON text: parsing that takes a tenth of the time of parsing as many Redis replies.

# KEYS: stream, orders for unjudged responses, those of them that nobody answered
# ARGV: prefix of the keys with the orders of an entry, then the orders
_PLACE = """
local ids = {}
for i = 2, #ARGV do
  ids[i - 1] = redis.call('XADD', KEYS[1], '*', 'order', ARGV[i])
  local entry = string.match(ARGV[i], '"entry_id":"(%x+)"') -- in no other text of it: their quotes are escaped
  if entry then redis.call('SADD', ARGV[1] .. entry, ids[i - 1]) end
  if string.find(ARGV[i], '"cause":"unjudged"', 1, true) then
    redis.call('SADD', KEYS[2], ids[i - 1])
    if string.find(ARGV[i], '"unanswered":true', 1, true) then redis.call('SADD', KEYS[3], ids[i - 1]) end
  end
end
return ids
"""

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
_GET = """
local rows = {}
for i = 2, #ARGV do
  local item = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  if item then
    local fields, outcomes = redis.call('HGETALL', ARGV[1] .. ARGV[i]), {}
    for n = 1, #fields, 2 do outcomes[#outcomes + 1] = '"' .. fields[n] .. '":' .. fields[n + 1] end
    rows[#rows + 1] = '["' .. ARGV[i] .. '",' .. item[2][2] .. ',{' .. table.concat(outcomes, ',') .. '}]'
  end
end
return '[' .. table.concat(rows, ',') .. ']'
"""

# A result counts only if the order was still owed, or the repeat still scheduled, and the order is still on record:
# another controller may have done it meanwhile, or it was forgotten; or the id is that of another order by now, as the
# store was restored.
# KEYS: stream; repeats, refused orders and failed attempts of this cache; how many outcomes were replaced; repeats of
# each outer cache
# ARGV: cache, now, prefix of outcome keys, rows as JSON (see _row), outer caches
_RECORD = """
local stream, repeats, refusals = KEYS[1], KEYS[2], KEYS[3]
local cache, now, prefix = ARGV[1], ARGV[2], ARGV[3]
local function counts(id, repeat_id, nonce)
  if repeat_id ~= '' then redis.call('ZREM', repeats, repeat_id) end
  if nonce ~= '' then
    local item = redis.call('XRANGE', stream, id, id)[1]
    if item and not string.find(item[2][2], '"nonce":"' .. nonce .. '"', 1, true) then return false end
  end
  if repeat_id ~= '' then
    return redis.call('EXISTS', prefix .. id) == 1
  end
  if redis.call('XACK', stream, cache, id) == 1 then return true end
  return redis.call('HEXISTS', prefix .. id, cache) == 0 and #redis.call('XRANGE', stream, id, id) == 1
end
for _, row in ipairs(cjson.decode(ARGV[4])) do
  local id, repeat_id, outcome, refused, next_repeat_id, due, purge_outer, nonce = unpack(row)
  if counts(id, repeat_id, nonce) then
    if outcome ~= '' then
      local is_new = redis.call('HSET', prefix .. id, cache, outcome) == 1
      if repeat_id == '' and not is_new then redis.call('HINCRBY', KEYS[5], cache, 1) end
      redis.call('HDEL', KEYS[4], id)
      if refused then redis.call('SADD', refusals, id)
      elseif repeat_id ~= '' then redis.call('SREM', refusals, id) end
    end
    if next_repeat_id ~= '' then redis.call('ZADD', repeats, due, next_repeat_id) end
    for i = 6, purge_outer and #KEYS or 0 do
      if redis.call('HEXISTS', prefix .. id, ARGV[i - 1]) == 1 then
        redis.call('ZADD', KEYS[i], now, id .. '/' .. now)
      end
    end
  end
end
"""


@dataclass(frozen=True, slots=True)
class PurgeResult:
    """A purge that a cache has done, to be recorded.

    Attributes:
        outcome: None to keep the one on record.
        repeat_id: the repeat that this purge was; "" for the order's first purge.
        next_repeat: id of the next repeat and when it is due (time of `Orders.clock`); ("", 0.0) for none.
        purge_outer: whether outer caches that did this order earlier must repeat it, since they may have fetched the
            image from this cache again.
        nonce: of the order that was carried out.
    """

    order_id: str
    outcome: Outcome | None
    repeat_id: str = ""
    next_repeat: tuple[str, float] = ("", 0.0)
    purge_outer: bool = False
    nonce: str = ""


class Orders:
    """All purge orders. An order is kept until every cache has done it and it is old enough; see `trim`.

    Attributes:
        shared: which of them several entries led to.
        lost: those for hosts of lost sightings that all entries of a list led to.
        clock: by which repeats are due, and old orders go.
        nodes: the caches that receive them.
        controllers: those that carry them out.
        recorded: their outcomes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._stream = store.key("{purges}", "orders")
        self._outcomes = store.key("{purges}", "outcomes", "")
        self._entries = store.key("{purges}", "entry", "")
        self.shared = SharedOrders(store)
        self.lost = LostOrders(store)
        self.clock = ScheduleClock(store)
        self._repeats = RepeatSchedule(store, self._stream, self._outcomes, self.clock)
        retries = self.refused_retries = RefusedRetries(store, self._repeats)
        self.recorded = RecordedOutcomes(store, self._stream, self._outcomes)
        self._completion = OrderCompletion(store, self._stream, self._outcomes)
        self.failed_attempts = FailedAttempts(store, self._outcomes)
        self.key_mismatches = KeyMismatches(store, self.clock)
        unjudged, unanswered = store.key("{purges}", "unjudged"), store.key("{purges}", "unanswered")
        self._unjudged = UnjudgedOrders(store, unjudged, unanswered, self._completion, self.failed_attempts, self.clock)
        beats, keys = beats_key(self._stream, ""), self.key_mismatches
        of_node = (self._repeats.key(""), self._refused(""), self.failed_attempts.key(""), beats, *retries.keys(""))
        self.nodes = Nodes(store, self._stream, (*of_node, *keys.prefixes), keys.hashes)
        self.controllers = Controllers(store)
        self._old = OldOrders(
            store,
            self._stream,
            self._outcomes,
            self._entries,
            self._unjudged.keys,
            self._refused,
            self.nodes,
            self.clock,
            (self.shared, self.lost),
        )
        self._groups: dict[str, ConsumerGroup] = {}
        # By cache the oldest order that it owes, and since when that was seen (time.monotonic).
        self._oldest: dict[str, tuple[str, float]] = {}
        self._left_out: frozenset[tuple[Scope, Target, str]] = frozenset()

    def without(self, placed: Iterable[PurgeOrder]) -> Self:
        """The same, except that `place` leaves out what one of these orders removes too.

        Not orders for forgotten targets: more may have been forgotten since, and the latest order has their number.
        """
        other = copy(self)
        other._left_out = frozenset((order.scope, order.target, order.tag) for order in placed)
        return other

    def new_among(self, orders: Sequence[PurgeOrder]) -> Sequence[PurgeOrder]:
        """The orders that `place` does not leave out."""
        if not self._left_out:
            return orders
        return [
            order for order in orders if order.forgotten or (order.scope, order.target, order.tag) not in self._left_out
        ]

    async def place(self, orders: Sequence[PurgeOrder]) -> list[str]:
        """Order purges at every cache. Returns the orders' ids once the store has written them durably."""
        orders = self.new_among(orders)
        ids: list[str] = []
        keys = [self._stream, *self._unjudged.keys]
        for chunk in batched(orders, ORDERS_PER_COMMAND):
            nonce = secrets.token_hex(8)
            args = [self._entries, *(order_to_json(each, f"{nonce}{n:x}") for n, each in enumerate(chunk))]
            ids += [order_id.decode() for order_id in await self._store.run_durably(_PLACE, keys, args)]
        return ids

    async def get(self, order_id: str) -> tuple[PurgeOrder, dict[str, Outcome]]:
        """The order, and its outcomes by cache.

        Raises:
            NotFound: there is no such order (any more).
        """
        found = await self.get_many([order_id])
        if not found:
            raise NotFound(f"no purge order has the ID {order_id!r}")
        return found[0]

    async def get_many(self, ids: Sequence[str]) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        """These orders, each with its outcomes by cache, in this order. Unknown ids are left out."""
        rows: list[Any] = []
        for chunk in batched([order_id for order_id in ids if _ID.fullmatch(order_id)], ORDERS_PER_COMMAND):
            rows += json.loads(await self._store.run(_GET, [self._stream], [self._outcomes, *chunk]))
        return [(order_or_stand_in(id_, data), outcomes_from_dict(id_, found)) for id_, data, found in rows]

    async def ids_of_entries(self, entry_ids: Sequence[str]) -> list[str]:
        """Ids of the orders that these list entries led to, oldest first."""
        async with self._store.pipeline() as pipe:
            for entry_id in entry_ids:
                pipe.smembers(self._entries + entry_id)
            sets = await pipe.execute()
        own = {order_id.decode() for ids in sets for order_id in ids}
        return in_placing_order(own | await self.shared.of_entries(entry_ids))

    async def recent(self, limit: int = 100) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        """The latest orders with their outcomes by cache, newest first."""
        latest = await self._redis.xrevrange(self._stream, count=limit)
        return await self.get_many([order_id.decode() for order_id, _ in latest])

    async def ensure_group(self, cache: str) -> None:
        """Register a cache, and keep it from being forgotten. A new one is owed every order on record."""
        await self.nodes.register(self._group(cache), cache)

    async def take(self, cache: str, consumer: str, count: int, block_ms: int) -> list[PurgeOrder]:
        """The cache's next orders, up to `count`. If there is none, wait for one, up to `block_ms`."""
        # The script reads many orders cheaply but cannot block; only if there is none, a blocking read waits for one.
        text = await self._store.run(_TAKE, [self._stream], [cache, consumer, count])
        rows = json.loads(text) if text else rows_from_items(await self._group(cache).take(consumer, 1, block_ms))
        return await self._readable(cache, rows)

    async def unfinished(self, cache: str, consumer: str, after: str = "0") -> list[PurgeOrder]:
        """Orders after the id `after` that this consumer took and did not finish, perhaps before a restart."""
        return orders_from_rows(rows_from_items(await self._group(cache).mine(consumer, after)))

    async def claim(self, cache: str, consumer: str, idle_ms: int, count: int = 100) -> list[PurgeOrder]:
        """Take over orders whose consumers were not heard from, or have not renewed their leases, for `idle_ms`."""
        return await self._readable(cache, rows_from_items(await self._group(cache).claim(consumer, idle_ms, count)))

    async def _readable(self, cache: str, rows: Sequence[tuple[str, Any]]) -> list[PurgeOrder]:
        """Those that this release can read. The others are left to controllers of a later one."""
        orders = orders_from_rows(rows)
        unread = {order_id for order_id, _ in rows} - {order.id for order in orders}
        await self._group(cache).leave(sorted(unread))
        return orders

    async def renew_leases(
        self, cache: str, consumer: str, order_ids: Sequence[str], repeat_ids: Sequence[str]
    ) -> None:
        """Keep orders and repeats that are in progress from being handed out again."""
        await self._group(cache).hold(consumer, order_ids)
        await self._repeats.renew_leases(cache, repeat_ids)

    async def record_results(self, cache: str, results: Sequence[PurgeResult], outer: Sequence[str] = ()) -> None:
        """Record outcomes, acknowledge their orders and schedule their repeats, in one atomic step.

        Args:
            outer: the caches of outer tiers, for results with `purge_outer`.
        """
        own = (self._repeats.key(cache), self._refused(cache), self.failed_attempts.key(cache), self.recorded.replaced)
        keys = [self._stream, *own, *map(self._repeats.key, outer)]
        rows = json.dumps([_row(result) for result in results], separators=(",", ":"))
        await self._store.run(_RECORD, keys, [cache, f"{self.clock.now():.3f}", self._outcomes, rows, *outer])

    async def due_repeats(self, cache: str, now: float, limit: int = 100) -> list[Repeat]:
        """Up to `limit` repeats that are due at `now` (time of `clock`), leased to the caller for LEASE_SECONDS."""
        return await self._repeats.take_due(cache, now, limit)

    async def pending(self, cache: str) -> tuple[int, float]:
        """(number of orders that the cache still owes, age of the oldest in seconds without steps of the store's
        clock)."""
        owed = await self._group(cache).owed()
        known, since = self._oldest.get(cache, ("", 0.0))
        if owed.oldest != known:
            since = time.monotonic()
            self._oldest[cache] = owed.oldest, since
        if not owed.oldest:
            return owed.count, 0.0
        # The id of an order that was placed after the store's clock was set back has a time that is still to come.
        return owed.count, max(self.clock.seconds_since(owed.oldest), time.monotonic() - since)

    async def refused(self, cache: str) -> int:
        """How many orders the cache refuses."""
        return int(await self._redis.scard(self._refused(cache)))

    async def wait_done(self, ids: Sequence[str], caches: Sequence[str], timeout: float) -> dict[str, int]:
        """Wait until every cache has an outcome for every order, up to `timeout` seconds. A refusal is an outcome:
        it is retried rarely, so it is not waited for.

        Returns how many of the orders each cache owes or refuses, without the caches that do neither. Whether nothing
        is left in those is another question: see operations/order_totals.py.
        """
        return await self._completion.wait_done(ids, caches, timeout)

    async def wait_unjudged(
        self, caches: Sequence[str], timeout: float, placed_before: float | None = None
    ) -> Unjudged:
        """Wait until every cache has done every order for a response that could not be judged; see UnjudgedOrders."""
        return await self._unjudged.wait_done(caches, timeout, placed_before)

    async def unjudged_hosts(self, caches: Sequence[str]) -> tuple[list[str], bool]:
        """Hosts of the latest orders for unjudged responses that some cache has not carried out, each once: those that
        somebody answered first. And whether no other host has any."""
        ids = in_placing_order(each.decode() for each in await self._redis.smembers(self._unjudged.keys[0]))
        owed = [
            order
            for order, outcomes in await self.get_many(ids[-ORDERS_PER_COMMAND:])
            if not all((outcome := outcomes.get(cache)) and outcome.is_carried_out for cache in caches)
        ]
        hosts = dict.fromkeys(order.target.host for order in sorted(owed, key=lambda order: order.unanswered))
        return list(hosts), len(ids) <= ORDERS_PER_COMMAND

    async def count_refused(self, ids: Sequence[str], caches: Sequence[str]) -> dict[str, int]:
        """How many of the orders each cache refuses, without the caches that refuse none."""
        return await self._completion.refused(ids, caches)

    async def trim(self, keep_seconds: float) -> None:
        """Forget orders older than `keep_seconds`, except from the first one on that a cache still owes.

        Also forgets caches and consumers that have been absent for long: they would otherwise keep orders for ever.
        Forgets nothing while the clocks are not to be trusted; see `ScheduleClock.refusal`.
        """
        await self._old.trim(keep_seconds)

    def _group(self, cache: str) -> ConsumerGroup:
        if cache not in self._groups:
            self._groups[cache] = ConsumerGroup(self._store, self._stream, cache)
        return self._groups[cache]

    def _refused(self, cache: str) -> str:
        return self._store.key("{purges}", "refused", cache)


def _row(result: PurgeResult) -> list[Any]:
    """A result as the script _RECORD reads it."""
    outcome = outcome_to_json(result.outcome) if result.outcome else ""
    refused = result.outcome is not None and result.outcome.delivery is Delivery.REFUSED
    next_repeat_id, due = result.next_repeat
    return [
        result.order_id, result.repeat_id, outcome, refused, next_repeat_id, f"{due:.3f}", result.purge_outer,
        result.nonce,
    ]  # fmt: skip


def in_placing_order(ids: Iterable[str]) -> list[str]:
    """These ids of orders, in the order in which they were placed."""
    return sorted(ids, key=id_numbers)

"""The schedule of repeated purges, one per cache.

Every purge is repeated some seconds later, since a fetch that was under way may have cached the image again.

A schedule is a sorted set of ids ORDER/FIRST_PURGED_AT by due time, both by the clock of schedule_clock.py.
All repeats of an order count from its first purge, so that one that comes late replaces those that it has overtaken.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from edgeward.purging.codec import orders_from_rows, outcomes_from_dict
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.store.connection import Store
from edgeward.types import Outcome, PurgeOrder

LEASE_SECONDS = 5.0
"""A repeat whose taker does not renew it for this long is handed out again: the taker is dead."""

# Taking a repeat moves its due time to the end of the lease. Repeats of forgotten orders are removed.
# KEYS: stream, repeats of this cache. ARGV: now, end of the lease, limit, prefix of outcome keys, cache
_TAKE_DUE = """
local rows = {}
for _, repeat_id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local order_id = string.match(repeat_id, '^[^/]+')
  local item = redis.call('XRANGE', KEYS[1], order_id, order_id)[1]
  if item then
    redis.call('ZADD', KEYS[2], ARGV[2], repeat_id)
    local outcome = redis.call('HGET', ARGV[4] .. order_id, ARGV[5]) or 'null'
    rows[#rows + 1] = '["' .. repeat_id .. '",' .. item[2][2] .. ',' .. outcome .. ']'
  else
    redis.call('ZREM', KEYS[2], repeat_id)
  end
end
return '[' .. table.concat(rows, ',') .. ']'
"""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A purge to be repeated. `repeat_id` is its id in the schedule, `previous` the outcome on record."""

    order: PurgeOrder
    repeat_id: str
    previous: Outcome | None


def repeat_id_of(order_id: str, first_purged_at: float) -> str:
    """The id of all repeats of an order that was first purged then (time of the schedule's clock)."""
    return f"{order_id}/{first_purged_at:.3f}"


def first_purged_at(repeat_id: str) -> float:
    """When the order of this repeat was first purged, by the schedule's clock."""
    return float(repeat_id.partition("/")[2])


class RepeatSchedule:
    """The repeat schedules of all caches.

    Args:
        stream: key of the orders.
        outcomes: prefix of the keys of their outcomes.
        clock: by which repeats are due.
    """

    def __init__(self, store: Store, stream: str, outcomes: str, clock: ScheduleClock) -> None:
        self._store, self._stream, self._outcomes, self.clock = store, stream, outcomes, clock

    def key(self, cache: str) -> str:
        return self._store.key("{purges}", "repeats", cache)

    async def take_due(self, cache: str, now: float, limit: int) -> list[Repeat]:
        """Up to `limit` repeats that are due at `now` (time of the clock), leased to the caller for LEASE_SECONDS."""
        keys = [self._stream, self.key(cache)]
        text = await self._store.run(_TAKE_DUE, keys, [now, now + LEASE_SECONDS, limit, self._outcomes, cache])
        repeats = []
        for repeat_id, order_data, outcome_data in json.loads(text):
            # None or one: an unreadable order is left out.
            for order in orders_from_rows([(repeat_id.partition("/")[0], order_data)]):
                previous = outcomes_from_dict(order.id, {cache: outcome_data})[cache] if outcome_data else None
                repeats.append(Repeat(order, repeat_id, previous))
        return repeats

    async def renew_leases(self, cache: str, repeat_ids: Sequence[str]) -> None:
        """Keep repeats that are in progress from being handed out again."""
        if repeat_ids:
            lease_end = self.clock.now() + LEASE_SECONDS
            # All repeats of an order have one id. If this one was done meanwhile, the id now schedules the next one:
            # gt=True never moves that to an earlier time, xx=True never brings back one that was removed.
            await self._store.redis.zadd(self.key(cache), dict.fromkeys(repeat_ids, lease_end), xx=True, gt=True)

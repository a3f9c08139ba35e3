"""Purges that are to be done again, by cache and time: a fetch under way may have cached the image once more.

A schedule is a sorted set of members `ID/BASE` by due time. BASE is when the first purge was done: later repeats count
from it, so one that comes late takes the place of those that it has overtaken.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeward.store.connection import Store
from edgeward.takedown.purging.records import orders_from, outcome_from
from edgeward.types import Outcome, PurgeOrder

LEASE_SECONDS = 5.0
"""A repeat that was taken and not held (`hold`) for so long is handed out again: its taker is dead."""

# KEYS: stream, repeats of this cache. ARGV: now, lease, limit, prefix of outcome keys, cache
_DUE = """
local found = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local id = string.match(member, '^[^/]+')
  local item = redis.call('XRANGE', KEYS[1], id, id)[1]
  if item then
    redis.call('ZADD', KEYS[2], ARGV[2], member)
    local outcome = redis.call('HGET', ARGV[4] .. id, ARGV[5]) or 'null'
    found[#found + 1] = '["' .. member .. '",' .. item[2][2] .. ',' .. outcome .. ']'
  else
    redis.call('ZREM', KEYS[2], member)
  end
end
return '[' .. table.concat(found, ',') .. ']'
"""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A purge to be done again. `previous` is the outcome on record; `member` names it in the schedule."""

    order: PurgeOrder
    member: str
    previous: Outcome | None


def member_of(order_id: str, base: float) -> str:
    """The name in the schedule of what was first purged at `base`."""
    return f"{order_id}/{base:.3f}"


def base_of(member: str) -> float:
    """When it was first purged, Unix seconds."""
    return float(member.partition("/")[2])


class Repeats:
    """The schedules of all caches.

    Args:
        stream: key of the orders.
        outcomes: prefix of the keys of their outcomes.
    """

    def __init__(self, store: Store, stream: str, outcomes: str) -> None:
        self._store, self._stream, self._outcomes = store, stream, outcomes

    def key(self, cache: str) -> str:
        return self._store.key("{purges}", "repeats", cache)

    async def due(self, cache: str, now: float, limit: int) -> list[Repeat]:
        """Repeats whose time has come, leased to the caller for LEASE_SECONDS."""
        keys = [self._stream, self.key(cache)]
        text = await self._store.run(_DUE, keys, [now, now + LEASE_SECONDS, limit, self._outcomes, cache])
        return [repeat for row in json.loads(text) for repeat in _repeat(cache, *row)]

    async def hold(self, cache: str, members: Sequence[str]) -> None:
        """Keep repeats that are being worked on from being handed out again. One that was done meanwhile has the name
        of the next one already, which must not come sooner for it: a lease is only ever made longer."""
        if members:
            lease = time.time() + LEASE_SECONDS
            await self._store.redis.zadd(self.key(cache), dict.fromkeys(members, lease), xx=True, gt=True)


def _repeat(cache: str, member: str, data: Mapping[str, Any], previous: Mapping[str, Any] | None) -> list[Repeat]:
    orders = orders_from([(member.partition("/")[0], data)])
    return [Repeat(order, member, outcome_from(order.id, cache, previous) if previous else None) for order in orders]

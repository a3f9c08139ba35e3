"""Orders that several list entries led to: an order names one entry, and is noted here for the others.

{purges}:also:<entry>       set of groups
{purges}:group:<order>      set of the orders that were placed together, named after the first
{purges}:in-group:<order>   list of the entries of that group
{purges}:groups             sorted set: group -> Unix milliseconds when its last order was placed, as in the order's id

A group goes with the last of its orders (old_orders.py). Nothing here expires: receipts are read from it. Earlier
releases wrote groups that do; those of an entry are kept from when it gets another one.
"""

import json
from collections.abc import Sequence
from itertools import batched

from edgeward.store.connection import Arg, Store

ENTRIES_PER_COMMAND = 500
GROUPS_PER_COMMAND = 250
GROUPS_FORGOTTEN_AT_ONCE = 100

# add_order(name of the group, order), add_entry(name of the group, entry). ARGV: prefixes of the keys of groups, of
# their entries, and of the groups of an entry; key of all groups
_ADD = """
local group_key, in_group, also, all = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local function milliseconds(id) return string.match(id, '^%d+') or 0 end
local function add_order(group, order)
  redis.call('SADD', group_key .. group, order)
  local known = tonumber(redis.call('ZSCORE', all, group) or -1)
  if tonumber(milliseconds(order)) > known then redis.call('ZADD', all, milliseconds(order), group) end
end
local function add_entry(group, entry)
  local key = also .. entry
  if redis.call('PERSIST', key) == 1 then
    for _, earlier in ipairs(redis.call('SMEMBERS', key)) do
      redis.call('RPUSH', in_group .. earlier, entry)
      if redis.call('PERSIST', group_key .. earlier) == 1 then
        for _, order in ipairs(redis.call('SMEMBERS', group_key .. earlier)) do add_order(earlier, order) end
      elseif redis.call('EXISTS', group_key .. earlier) == 0 then
        redis.call('SREM', key, earlier)
        redis.call('DEL', in_group .. earlier)
      end
    end
  end
  if redis.call('SADD', key, group) == 1 then redis.call('RPUSH', in_group .. group, entry) end
end
"""

# KEYS: group. ARGV: as for _ADD, its name, number of orders; orders; entries
_SHARE = (
    _ADD
    + """
local last = 6 + tonumber(ARGV[6])
redis.call('PERSIST', KEYS[1])
for i = 7, last do add_order(ARGV[5], ARGV[i]) end
for i = last + 1, #ARGV do add_entry(ARGV[5], ARGV[i]) end
"""
)

# KEYS: any, for the slot. ARGV: as for _ADD, [orders, entries] as JSON
_SHARE_EACH = (
    _ADD
    + """
for _, row in ipairs(cjson.decode(ARGV[5])) do
  for _, order in ipairs(row[1]) do add_order(row[1][1], order) end
  for _, entry in ipairs(row[2]) do add_entry(row[1][1], entry) end
end
"""
)

# A group with more entries than one call takes comes again.
# KEYS: all groups. ARGV: milliseconds, most groups, most entries, prefixes as for _ADD -> 0 when all are
# forgotten
_FORGET = """
local left = 0
for _, group in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])) do
  for _ = 1, tonumber(ARGV[3]) do
    local entry = redis.call('LPOP', ARGV[5] .. group)
    if not entry then break end
    redis.call('SREM', ARGV[6] .. entry, group)
  end
  if redis.call('EXISTS', ARGV[5] .. group) == 1 then
    left = left + 1
  else
    redis.call('DEL', ARGV[4] .. group)
    redis.call('ZREM', KEYS[1], group)
  end
end
return left + #redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', 0, 1)
"""

type Group = tuple[Sequence[str], Sequence[str]]
"""Ids of orders, and of entries that led to them."""


class SharedOrders:
    """The groups of orders in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._groups, self._entries = store.key("{purges}", "group", ""), store.key("{purges}", "also", "")
        self._all = store.key("{purges}", "groups")
        self._prefixes = (self._groups, store.key("{purges}", "in-group", ""), self._entries)

    async def share(self, order_ids: Sequence[str], entry_ids: Sequence[str]) -> None:
        """Note that these entries led to these orders."""
        if not order_ids:
            return
        group = order_ids[0]
        for entries in batched(entry_ids, ENTRIES_PER_COMMAND):
            args: list[Arg] = [*self._prefixes, self._all, group, len(order_ids), *order_ids, *entries]
            await self._store.run_durably(_SHARE, [self._groups + group], args)

    async def share_each(self, groups: Sequence[Group]) -> None:
        """The same for many small groups, of which no two have the same first order."""
        for some in batched([group for group in groups if all(group)], GROUPS_PER_COMMAND):
            args: list[Arg] = [*self._prefixes, self._all, json.dumps(some)]
            await self._store.run_durably(_SHARE_EACH, [self._groups], args)

    async def forget_before(self, milliseconds: int) -> None:
        """Forget the groups whose orders were all placed before then, in Unix milliseconds as ids of orders have it."""
        args: list[Arg] = [milliseconds, GROUPS_FORGOTTEN_AT_ONCE, ENTRIES_PER_COMMAND, *self._prefixes]
        while await self._store.run_even_if_full(_FORGET, [self._all], args):
            pass

    async def of_entries(self, entry_ids: Sequence[str]) -> set[str]:
        """Ids of the orders that were noted for these entries."""
        groups = await self._members([self._entries + entry_id for entry_id in entry_ids])
        return await self._members([self._groups + group for group in groups])

    async def _members(self, keys: Sequence[str]) -> set[str]:
        if not keys:
            return set()
        async with self._store.pipeline() as pipe:
            for key in keys:
                pipe.smembers(key)
            sets = await pipe.execute()
        return {member.decode() for members in sets for member in members}

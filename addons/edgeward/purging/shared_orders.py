"""Orders that several list entries led to: an order names one entry, and is noted here for the others.

{purges}:also:<entry>    set of groups
{purges}:group:<order>   set of the orders that were placed together, named after the first
"""

import json
from collections.abc import Sequence
from itertools import batched

from edgeward.store.connection import Arg, Store

ENTRIES_PER_COMMAND = 500
GROUPS_PER_COMMAND = 250
KEEP_SECONDS = 90 * 86400

# KEYS: group. ARGV: its name, keep in seconds, prefix of the keys of entries, number of orders; orders; entries
_SHARE = """
local count = tonumber(ARGV[4])
for i = 5, 4 + count do redis.call('SADD', KEYS[1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
for i = 5 + count, #ARGV do
  redis.call('SADD', ARGV[3] .. ARGV[i], ARGV[1])
  redis.call('EXPIRE', ARGV[3] .. ARGV[i], ARGV[2])
end
"""

# KEYS: any, for the slot. ARGV: keep in seconds; prefixes of the keys of groups and entries; [orders, entries] as JSON
_SHARE_EACH = """
for _, row in ipairs(cjson.decode(ARGV[4])) do
  local name = row[1][1]
  for _, order in ipairs(row[1]) do redis.call('SADD', ARGV[2] .. name, order) end
  redis.call('EXPIRE', ARGV[2] .. name, ARGV[1])
  for _, entry in ipairs(row[2]) do
    redis.call('SADD', ARGV[3] .. entry, name)
    redis.call('EXPIRE', ARGV[3] .. entry, ARGV[1])
  end
end
"""

type Group = tuple[Sequence[str], Sequence[str]]
"""Ids of orders, and of entries that led to them."""


class SharedOrders:
    """The groups of orders in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._groups, self._entries = store.key("{purges}", "group", ""), store.key("{purges}", "also", "")

    async def share(self, order_ids: Sequence[str], entry_ids: Sequence[str]) -> None:
        """Note that these entries led to these orders."""
        if not order_ids:
            return
        group = order_ids[0]
        for entries in batched(entry_ids, ENTRIES_PER_COMMAND):
            args: list[Arg] = [group, KEEP_SECONDS, self._entries, len(order_ids), *order_ids, *entries]
            await self._store.run_durably(_SHARE, [self._groups + group], args)

    async def share_each(self, groups: Sequence[Group]) -> None:
        """The same for many small groups, of which no two have the same first order."""
        for some in batched([group for group in groups if all(group)], GROUPS_PER_COMMAND):
            args: list[Arg] = [KEEP_SECONDS, self._groups, self._entries, json.dumps(some)]
            await self._store.run_durably(_SHARE_EACH, [self._groups], args)

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

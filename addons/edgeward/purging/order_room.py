"""Whether the store and the caches have room for further orders of matches in transit.

Any client can request a listed image under as many targets as it likes, and each match orders a purge. Beyond this room
they are purged by prefix (proxy/prefix_purges.py): lists, and the orders of listings, always find room.
"""

import time
from collections.abc import Sequence

from edgeward.sightings.store_memory import StoreMemory
from edgeward.store.connection import Store

MEMORY_SHARE = 1 / 8
"""Of what the store's memory has for sightings, that orders may take before those of matches find no room."""
MAXMEMORY_SHARE = 0.85
"""Share of the server's `maxmemory` from which on they find none, whatever takes it."""
RECORD_BYTES = 600
"""About what an order takes beside its place in the stream: its outcomes and repeats, and its place in the set of those
of its entry."""
MAX_OWED = 5_000
"""Orders that a cache may owe before those of matches find no room: a controller holds more (purger.py)."""
MAX_OWED_BYTES = 24 * 1024 * 1024
"""The same in bytes, if they are as long as all orders on average."""
CHECK_SECONDS = 1.0

# A group of which the store can't tell how many items wait counts by those taken.
# KEYS: stream. ARGV: caches -> {bytes of the stream, its length, the most that one of the caches owes}
_USE = """
local wanted, owed = {}, 0
for _, name in ipairs(ARGV) do wanted[name] = true end
local used = redis.call('MEMORY', 'USAGE', KEYS[1])
if not used then return {0, 0, 0} end
for _, fields in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #fields, 2 do group[fields[i]] = fields[i + 1] end
  if wanted[group.name] then owed = math.max(owed, group.pending + (tonumber(group.lag) or 0)) end
end
return {used, redis.call('XLEN', KEYS[1]), owed}
"""


class OrderRoom:
    """Looks at the store about once a second while somebody asks.

    Args:
        caches: names of the configured ones.

    Attributes:
        is_full: there was no room when it was looked at last.
    """

    def __init__(self, store: Store, memory: StoreMemory, caches: Sequence[str] = ()) -> None:
        self._store, self._memory, self._caches = store, memory, caches
        self._stream = store.key("{purges}", "orders")
        self._checked_at = float("-inf")
        self.is_full = False

    async def check(self) -> bool:
        """Whether there is room, now or a moment ago."""
        if time.monotonic() - self._checked_at > CHECK_SECONDS:
            self.is_full = not await self._has_room()
            self._checked_at = time.monotonic()
        return not self.is_full

    async def _has_room(self) -> bool:
        used, length, owed = await self._store.run_even_if_full(_USE, [self._stream], [*self._caches])
        memory = await self._memory.recent_use()
        if memory.maximum and memory.used >= memory.maximum * MAXMEMORY_SHARE:
            return False
        is_owed_much = owed >= MAX_OWED or owed * used >= MAX_OWED_BYTES * max(1, length)
        return not is_owed_much and bool(used + length * RECORD_BYTES < memory.limit * MEMORY_SHARE)

"""Whether the store and the caches have room for further orders of matches in transit, and of unjudged responses.

Any client can request a listed image under as many targets as it likes, and each match orders a purge; any client can
break off as many requests as it likes, and what nobody could judge is purged. Beyond this room matches are purged by
prefix (proxy/prefix_purges.py), and others wait (proxy/unjudged_purges.py): lists, and the orders of listings, always
find room.
"""

import asyncio
import time
from collections.abc import Sequence

from edgeward.background.worker_loop import WorkerLoop
from edgeward.sightings.store_memory import StoreMemory
from edgeward.store.connection import Store

MEMORY_SHARE = 1 / 8
"""Of what the store's memory has for sightings, that orders may take before those of matches find no room."""
UNJUDGED_SHARE = 1 / 6
"""The same before those of unjudged responses find none: a flood of matches leaves them some."""
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
        is_full: there was no room for matches when it was looked at last.
    """

    def __init__(self, store: Store, memory: StoreMemory, caches: Sequence[str] = ()) -> None:
        self._store, self._memory, self._caches = store, memory, caches
        self._stream = store.key("{purges}", "orders")
        self._checked_at = float("-inf")
        self.is_full = self._is_full_for_unjudged = False
        self._asked = asyncio.Event()
        self._loop = WorkerLoop(
            "room for purge orders",
            self._look_if_asked,
            metric_label="order_room",
            retry_seconds=CHECK_SECONDS,
            pause_seconds=CHECK_SECONDS,
        )

    async def start(self) -> None:
        """Look on behalf of those who can't wait for the answer; see `has_room_for_unjudged`."""
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def check(self) -> bool:
        """Whether there is room for orders of matches, now or a moment ago."""
        if time.monotonic() - self._checked_at > CHECK_SECONDS:
            await self._look()
        return not self.is_full

    def has_room_for_unjudged(self) -> bool:
        """Whether there was room for orders of unjudged responses when it was looked at last. It is looked at again."""
        self._asked.set()
        return not self._is_full_for_unjudged

    async def _look_if_asked(self) -> None:
        await self._asked.wait()
        self._asked.clear()
        await self._look()

    async def _look(self) -> None:
        used, length, owed = await self._store.run_even_if_full(_USE, [self._stream], [*self._caches])
        memory = await self._memory.recent_use()
        is_full = bool(memory.maximum and memory.used >= memory.maximum * MAXMEMORY_SHARE)
        is_full |= owed >= MAX_OWED or owed * used >= MAX_OWED_BYTES * max(1, length)
        size = used + length * RECORD_BYTES
        self.is_full = is_full or bool(size >= memory.limit * MEMORY_SHARE)
        self._is_full_for_unjudged = is_full or bool(size >= memory.limit * UNJUDGED_SHARE)
        self._checked_at = time.monotonic()

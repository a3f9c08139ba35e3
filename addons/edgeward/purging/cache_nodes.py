"""The cache nodes that receive orders. A node that no controller has configured for a long time is forgotten."""

import time
from collections.abc import Sequence

from edgeward.background.consumer_group import ConsumerGroup
from edgeward.store.connection import Store

MIN_UNCONFIGURED_SECONDS = 3600.0
"""Minimum time before a node is forgotten, even if orders are kept for less."""

# A node without a time, written by an earlier release perhaps, counts as configured now.
# KEYS: stream, nodes
# ARGV: now, forget nodes last configured before, prefixes of the keys of a node
_FORGET_ABSENT = """
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
local present = {}
for _, group in ipairs(groups.err and {} or groups) do
  local name = group[2]
  local configured_at = redis.call('HGET', KEYS[2], name)
  if not configured_at then redis.call('HSET', KEYS[2], name, ARGV[1]) end
  if configured_at and tonumber(configured_at) < tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DESTROY', KEYS[1], name)
    for i = 3, #ARGV do redis.call('DEL', ARGV[i] .. name) end
    redis.call('HDEL', KEYS[2], name)
  else
    present[#present + 1] = name
  end
end
return present
"""


class Nodes:
    """The nodes that have a consumer group on the stream of orders, whichever controllers configure them.

    Args:
        stream: key of the orders.
        prefixes: of the other keys of each node, which end in its name.
    """

    def __init__(self, store: Store, stream: str, prefixes: Sequence[str]) -> None:
        self._store, self._stream, self._prefixes = store, stream, prefixes
        self._key = store.key("{purges}", "nodes")

    async def register(self, group: ConsumerGroup, name: str) -> None:
        """Record that a node is configured now, and create its group if there is none."""
        await group.ensure()
        await self._store.run("redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])", [self._key], [name, time.time()])

    async def forget_absent(self, keep_seconds: float) -> list[str]:
        """Forget nodes that no controller has registered for `keep_seconds`. Returns the names of the others."""
        now = time.time()
        oldest = now - max(keep_seconds, MIN_UNCONFIGURED_SECONDS)
        present = await self._store.run(_FORGET_ABSENT, [self._stream, self._key], [now, oldest, *self._prefixes])
        return [name.decode() for name in present]

"""The cache nodes that are owed orders: each says that it is there, and is forgotten when nobody has for very long."""

import time

from edgeward.store.connection import Store
from edgeward.takedown.group import Group

LEAST_ABSENCE_SECONDS = 3600.0
"""A node is not forgotten sooner, however briefly orders are kept."""

# A group that has never said it is there, of an earlier release perhaps, is given its time from now.
# KEYS: stream, nodes. ARGV: now, when a node must have been seen, prefix of its repeats, prefix of its refused orders
_DROP_ABSENT = """
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
local left = {}
for _, group in ipairs(groups.err and {} or groups) do
  local name = group[2]
  local seen = redis.call('HGET', KEYS[2], name)
  if not seen then redis.call('HSET', KEYS[2], name, ARGV[1]) end
  if seen and tonumber(seen) < tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DESTROY', KEYS[1], name)
    redis.call('DEL', ARGV[3] .. name, ARGV[4] .. name)
    redis.call('HDEL', KEYS[2], name)
  else
    left[#left + 1] = name
  end
end
return left
"""


class Nodes:
    """The nodes with a group on the stream of orders, under whichever controller they are configured."""

    def __init__(self, store: Store, stream: str, repeats: str, refused: str) -> None:
        self._store, self._stream, self._prefixes = store, stream, (repeats, refused)
        self._key = store.key("{purges}", "nodes")

    async def present(self, group: Group, name: str) -> None:
        """Say that a node is configured, and make its group where there is none."""
        await group.ensure()
        await self._store.run("redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])", [self._key], [name, time.time()])

    async def drop_absent(self, keep_seconds: float) -> list[str]:
        """Forget nodes that no controller has named for `keep_seconds`. Returns the names of all others."""
        now = time.time()
        since = now - max(keep_seconds, LEAST_ABSENCE_SECONDS)
        left = await self._store.run(_DROP_ABSENT, [self._stream, self._key], [now, since, *self._prefixes])
        return [name.decode() for name in left]

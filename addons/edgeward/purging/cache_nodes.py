"""The cache nodes that receive orders. A node that no controller has configured for a long time is forgotten."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeward.background.consumer_group import ConsumerGroup
from edgeward.store.connection import Arg, Store

logger = logging.getLogger(__name__)

MIN_UNCONFIGURED_SECONDS = 3600.0
"""Minimum time before a node is forgotten, even if orders are kept for less."""

CONFIGURED_SECONDS = 15.0
"""A controller registers the nodes that it drives each second. After this time without, no live one drives a node."""

# A node without a time, written by an earlier release perhaps, counts as configured now. An absent one that owes an
# order which is not old stays.
# KEYS: stream, nodes, hashes with a field for each node
# ARGV: now, forget nodes last configured before, first id that is not old, prefixes of the keys of a node
# -> {present nodes, absent ones that stay, forgotten ones}
_FORGET_ABSENT = """
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
local found = {{}, {}, {}}
local function owes_young(name, last)
  if #redis.call('XPENDING', KEYS[1], name, ARGV[3], '+', 1) > 0 then return true end
  local waits = #redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1) > 0
  return waits and #redis.call('XRANGE', KEYS[1], ARGV[3], '+', 'COUNT', 1) > 0
end
for _, fields in ipairs(groups.err and {} or groups) do
  local group = {}
  for i = 1, #fields, 2 do group[fields[i]] = fields[i + 1] end
  local name, kind = group.name, 1
  local configured_at = redis.call('HGET', KEYS[2], name)
  if not configured_at then redis.call('HSET', KEYS[2], name, ARGV[1]) end
  if configured_at and tonumber(configured_at) < tonumber(ARGV[2]) then
    kind = owes_young(name, group['last-delivered-id']) and 2 or 3
  end
  if kind == 3 then
    redis.call('XGROUP', 'DESTROY', KEYS[1], name)
    for i = 4, #ARGV do redis.call('DEL', ARGV[i] .. name) end
    for i = 3, #KEYS do redis.call('HDEL', KEYS[i], name) end
    redis.call('HDEL', KEYS[2], name)
  end
  table.insert(found[kind], name)
end
return found
"""

# KEYS: stream, nodes, hashes with a field for each node, the keys of the node
# ARGV: name, number of hashes -> 1 if it was known
_FORGET = """
local was_known = redis.call('HDEL', KEYS[2], ARGV[1])
local destroyed = redis.pcall('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
if type(destroyed) == 'number' then was_known = math.max(was_known, destroyed) end
local hashes = tonumber(ARGV[2])
for i = 3, 2 + hashes do redis.call('HDEL', KEYS[i], ARGV[1]) end
for i = 3 + hashes, #KEYS do redis.call('DEL', KEYS[i]) end
return was_known
"""


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node that receives orders. `configured_at`: when a controller that drives it said so last, Unix seconds by the
    store's clock; `is_driven`: that was lately, so a live one does."""

    name: str
    configured_at: float
    is_driven: bool


class Nodes:
    """The nodes that have a consumer group on the stream of orders, whichever controllers configure them.

    Args:
        stream: key of the orders.
        prefixes: of the other keys of each node, which end in its name.
        hashes: keys with a field for each node.
    """

    def __init__(self, store: Store, stream: str, prefixes: Sequence[str], hashes: Sequence[str] = ()) -> None:
        self._store, self._stream, self._prefixes, self._hashes = store, stream, prefixes, hashes
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._key = store.key("{purges}", "nodes")

    async def register(self, group: ConsumerGroup, name: str) -> None:
        """Record that a node is configured now, and create its group if there is none."""
        await group.ensure()
        await self._redis.hset(self._key, name, f"{self._store.clock.now():.6f}")

    async def let_go(self, name: str) -> None:
        """The controller that registered this node last does not drive it any more. Another that does registers it
        again within a second."""
        await self._redis.hset(self._key, name, f"{self._store.clock.now() - CONFIGURED_SECONDS:.6f}")

    async def all(self) -> list[KnownNode]:
        """Every node that was ever registered and is not forgotten."""
        now = self._store.clock.now()
        found = {name.decode(): float(at) for name, at in (await self._redis.hgetall(self._key)).items()}
        return [KnownNode(name, at, abs(now - at) < CONFIGURED_SECONDS) for name, at in sorted(found.items())]

    async def forget(self, name: str) -> bool:
        """Forget a node: nothing is owed to it any more. Returns whether it was known.

        A controller that drives it registers it again within a second, with every order on record.
        """
        keys = [self._stream, self._key, *self._hashes, *(prefix + name for prefix in self._prefixes)]
        return bool(await self._store.run_durably(_FORGET, keys, [name, len(self._hashes)]))

    async def forget_absent(self, keep_seconds: float) -> list[str]:
        """Forget nodes that no controller has registered for `keep_seconds`, and that owe no order younger than that.

        Returns the names of those that controllers have registered since.
        """
        now = self._store.clock.now()
        absent_since = now - max(keep_seconds, MIN_UNCONFIGURED_SECONDS)
        args: list[Arg] = [now, absent_since, first_id_at(now - keep_seconds), *self._prefixes]
        present, absent, forgotten = await self._store.run(
            _FORGET_ABSENT, [self._stream, self._key, *self._hashes], args
        )
        for name in absent:
            logger.warning(
                "cache %s is configured by no controller, and owes purges: configure it again, or write it off with "
                "edgeward caches forget", name.decode(),
            )  # fmt: skip
        for name in forgotten:
            logger.warning("cache %s was configured by no controller for long: it is forgotten", name.decode())
        return [name.decode() for name in present]


def first_id_at(at: float) -> str:
    """The lowest id that an order placed at this time (Unix seconds) may have."""
    return f"{max(0, int(at * 1000))}-0"


def id_numbers(stream_id: str) -> tuple[int, int]:
    """A stream id as numbers, for sorting: as texts, "9-0" would come after "10-0"."""
    milliseconds, _, number = stream_id.partition("-")
    return int(milliseconds), int(number)

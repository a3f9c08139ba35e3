"""A consumer group on a Redis stream: consumers share its items, and each item is owed until it is acknowledged.

<stream>:beats:<group>  hash: "@" and a consumer -> when it was heard from; and the lease clock by which that is counted

The store counts by its clock how long an item has been held. If that was set back, an item of a dead consumer seems to
be held for the length of the step. So consumers say that they live, and one that does not has lost its items. Only
consumers of earlier releases, which say nothing, are judged by their items alone.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import Any

from edgeward.store.connection import Arg, Store
from edgeward.store.lease_clock import lease_clock

BEAT_SECONDS, MAX_BEAT_GAP = 1.0, 2.5
"""About the time between two beats of any consumers, and the longest that the lease clock takes for such."""
FORGET_SECONDS = 86400.0
"""How long a silent consumer without items is remembered."""
CLAIMED_AT_ONCE = 1000

type Item = tuple[str, Mapping[bytes, bytes]]
"""An item of the stream: (id, fields)."""

_ENSURE = """
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
"""

# One script: a consumer that takes an item between the reading and the deletion must not be deleted.
# KEYS: stream. ARGV: group, minimum idle time in ms -> number of consumers removed
_FORGET = """
local removed = 0
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if consumers.err then return 0 end -- the store has lost its data
for _, fields in ipairs(consumers) do
  local consumer = {}
  for i = 1, #fields, 2 do consumer[fields[i]] = fields[i + 1] end
  if consumer.pending == 0 and consumer.idle >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    removed = removed + 1
  end
end
return removed
"""

_BEAT = (
    lease_clock(MAX_BEAT_GAP, BEAT_SECONDS)
    + """
local function beat(hash, consumer)
  local clock, now = lease_clock(hash)
  set_lease_clock(hash, clock, now)
  redis.call('HSET', hash, '@' .. consumer, string.format('%.6f', clock))
  return clock
end
"""
)

# KEYS: beats. ARGV: consumer
_LIVE = _BEAT + "beat(KEYS[1], ARGV[1])"

# KEYS: stream, beats. ARGV: group, consumer, seconds after which a silent one is dead, most items, seconds after which
# a silent one without items is forgotten -> the items of dead consumers, which are the caller's now, as from XCLAIM
_CLAIM_DEAD = (
    _BEAT
    + """
local clock, count = beat(KEYS[2], ARGV[2]), tonumber(ARGV[4])
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1])
if pending.err then return {} end -- the store has lost its data
local has_items, ids = {}, {}
for _, holder in ipairs(pending[4] or {}) do has_items[holder[1]] = true end
local beats = redis.call('HGETALL', KEYS[2])
for i = 1, #beats, 2 do
  local name = string.match(beats[i], '^@(.*)$')
  local silent = name and clock - tonumber(beats[i + 1]) or 0
  if name and name ~= ARGV[2] and has_items[name] and silent > tonumber(ARGV[3]) and #ids < count then
    for _, item in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', count - #ids, name)) do
      ids[#ids + 1] = item[1]
    end
  elseif name and not has_items[name] and silent > tonumber(ARGV[5]) then
    redis.call('HDEL', KEYS[2], beats[i])
  end
end
if #ids == 0 then return {} end
return redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(ids))
"""
)

# KEYS: stream, beats. ARGV: group, who gets them, how long they seem not to have been held in ms, ids
_LEAVE = """
redis.call('HSET', KEYS[2], '@' .. ARGV[2], 0)
local command = {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(ARGV, 4)}
for _, each in ipairs({'IDLE', ARGV[3], 'JUSTID'}) do command[#command + 1] = each end
local left = redis.pcall(unpack(command))
if type(left) == 'table' and left.err and string.sub(left.err, 1, 7) ~= 'NOGROUP' then return left end
"""

# One script: an item that is taken between two commands would count neither as waiting nor as taken, and so as done.
# KEYS: stream. ARGV: group
# -> {number of items taken and not acknowledged; number of items not taken, -1 if the store can't tell;
#     id of the oldest of both, or ''; id of the last item taken}
_OWED = """
local pending, groups = redis.pcall('XPENDING', KEYS[1], ARGV[1]), redis.pcall('XINFO', 'GROUPS', KEYS[1])
-- The store has lost its data: the group that is made again starts at the first item.
if pending.err then pending = {0, false} end
local last, lag = '0-0', false
for _, fields in ipairs(groups.err and {} or groups) do
  local group = {}
  for i = 1, #fields, 2 do group[fields[i]] = fields[i + 1] end
  if group.name == ARGV[1] then last, lag = group['last-delivered-id'], group.lag end
end
local waiting = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1)[1]
return {pending[1], waiting and (lag or -1) or 0, pending[2] or waiting and waiting[1] or '', last}
"""

LEFT = "?left"
"""The consumer that has what others left: it never lives."""
LEFT_IDLE_MS = 3_600_000
"""How long an item that was left seems not to have been held, in milliseconds."""
NO_GROUP = "NOGROUP"
"""How the store's error begins if there is no such group, for instance after it lost its data."""
_NO_GROUP_SECONDS = 0.25
"""Pause before the next attempt: the caller makes the group again in between."""


@dataclass(frozen=True, slots=True)
class Owed:
    """The items that a group has not acknowledged: their number, and the id of the oldest ("" if there is none)."""

    count: int
    oldest: str


class ConsumerGroup:
    """The group `name` on the stream with key `stream`. A new group starts at the first item of the stream.

    Ids are those of the stream: "<number>-<number>".
    """

    def __init__(self, store: Store, stream: str, name: str) -> None:
        self._store, self._stream, self._name = store, stream, name
        self._beats = beats_key(stream, name)
        self._blocking: Any = None
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    async def ensure(self) -> None:
        """Create the group if there is none: at first, and after the store lost its data."""
        await self._store.run(_ENSURE, [self._stream], [self._name])

    async def take(self, consumer: str, count: int, block_ms: int) -> list[Item]:
        """Up to `count` items that no consumer has taken. Waits up to `block_ms` for one. Without a group: none."""
        if self._blocking is None:
            self._blocking = await self._store.blocking()
        async with (
            asyncio.timeout(block_ms / 1000 + self._store.timeout),
            self._blocking.pipeline(transaction=False) as pipe,
        ):
            pipe.xreadgroup(self._name, consumer, {self._stream: ">"}, count=count, block=block_ms)
            # Errors as values: the one for a missing group is none here.
            (answer,) = await pipe.execute(raise_on_error=False)
        if isinstance(answer, Exception):
            if not str(answer).startswith(NO_GROUP):
                raise answer
            await asyncio.sleep(_NO_GROUP_SECONDS)
            return []
        return _items(answer[0][1]) if answer else []

    async def mine(self, consumer: str, after: str = "0", count: int = 100) -> list[Item]:
        """Items after the id `after` that this consumer took and has not acknowledged, also before a restart."""
        streams = {self._stream: after}
        answer = await self._of_group(lambda pipe: pipe.xreadgroup(self._name, consumer, streams, count=count))
        return _items(answer[0][1]) if answer else []

    async def claim(self, consumer: str, idle_ms: int, count: int = 100) -> list[Item]:
        """Take over up to `count` items of dead consumers: those that were not heard from for `idle_ms`, or have not
        held an item for so long."""
        args: list[Arg] = [self._name, consumer, idle_ms / 1000, min(count, CLAIMED_AT_ONCE), FORGET_SECONDS]
        found = await self._store.run(_CLAIM_DEAD, [self._stream, self._beats], args)
        items = _items([(row[0], row[1] and dict(zip(*[iter(row[1])] * 2, strict=True))) for row in found if row])
        cursor: str | bytes = "0-0"
        while len(items) < count:
            # One call looks only at some items (ten times the count), and live consumers may hold all of them.
            ask = partial(self._autoclaim, consumer, idle_ms, cursor, count - len(items))
            answer = await self._of_group(ask)
            cursor, claimed, *_ = answer or (b"0-0", [])
            items += _items(claimed)
            if cursor == b"0-0":
                break
        return items

    def _autoclaim(self, consumer: str, idle_ms: int, cursor: str | bytes, count: int, pipe: Any) -> object:
        return pipe.xautoclaim(self._stream, self._name, consumer, idle_ms, start_id=cursor, count=count)

    async def hold(self, consumer: str, ids: Sequence[str] = ()) -> None:
        """Say that this consumer lives, and keep others from claiming these items. Call it each BEAT_SECONDS, also
        without items."""
        await self._store.run(_LIVE, [self._beats], [consumer])
        if ids:
            await self._of_group(partial(self._hold, consumer, list(ids)))

    def _hold(self, consumer: str, ids: list[str], pipe: Any) -> object:
        return pipe.xclaim(self._stream, self._name, consumer, 0, ids, justid=True)

    async def _of_group(self, command: Callable[[Any], object]) -> Any:
        """The answer to a command; None without a group: the store has lost its data, and `ensure` makes it anew."""
        async with self._store.pipeline() as pipe:
            command(pipe)
            (answer,) = await pipe.execute(raise_on_error=False)
        if isinstance(answer, Exception):
            if not str(answer).startswith(NO_GROUP):
                raise answer
            return None
        return answer

    async def leave(self, ids: Sequence[str]) -> None:
        """Let other consumers claim these items at once: this one can't do them."""
        for some in batched(ids, CLAIMED_AT_ONCE):
            await self._store.run(_LEAVE, [self._stream, self._beats], [self._name, LEFT, LEFT_IDLE_MS, *some])

    async def forget_consumers(self, idle_seconds: float) -> int:
        """Remove consumers that have done nothing for `idle_seconds` and owe nothing. Returns how many."""
        return int(await self._store.run(_FORGET, [self._stream], [self._name, int(idle_seconds * 1000)]))

    async def acknowledge(self, ids: Sequence[str]) -> None:
        """These are done."""
        if ids:
            await self._redis.xack(self._stream, self._name, *ids)

    async def owed(self) -> Owed:
        """The unfinished items, taken or not."""
        return (await self._state())[0]

    async def reached(self) -> str:
        """The id up to which all items are done."""
        owed, last = await self._state()
        if not owed.oldest:
            return last
        before = await self._redis.xrevrange(self._stream, f"({owed.oldest}", "-", count=1)
        return str(before[0][0].decode()) if before else "0-0"

    async def _state(self) -> tuple[Owed, str]:
        """What is owed, and the id of the last item that was taken."""
        taken, waiting, oldest, last = await self._store.run(_OWED, [self._stream], [self._name])
        if waiting < 0:
            # Redis does not know it after the stream was trimmed beyond the last item taken, and before 7.0 never.
            waiting = len(await self._redis.xrange(self._stream, f"({last.decode()}", "+"))
        return Owed(taken + waiting, oldest.decode()), last.decode()


def beats_key(stream: str, group: str) -> str:
    """The key with when the consumers of a group were heard from."""
    return f"{stream}:beats:{group}"


def _items(answer: Sequence[tuple[bytes, Mapping[bytes, bytes] | None]]) -> list[Item]:
    """Without items that were trimmed: they come without fields."""
    return [(item_id.decode(), fields) for item_id, fields in answer if fields]

"""A consumer group on a Redis stream: consumers share its items, and each item is owed until it is acknowledged."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeward.store.connection import Store

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
        answer = await self._redis.xreadgroup(self._name, consumer, {self._stream: after}, count=count)
        return _items(answer[0][1]) if answer else []

    async def claim(self, consumer: str, idle_ms: int, count: int = 100) -> list[Item]:
        """Take over up to `count` items of dead consumers, which have not held them for `idle_ms`."""
        items: list[Item] = []
        cursor = "0-0"
        while len(items) < count:
            # One call looks only at some items (ten times the count), and live consumers may hold all of them.
            cursor, claimed, *_ = await self._redis.xautoclaim(
                self._stream, self._name, consumer, idle_ms, start_id=cursor, count=count - len(items)
            )
            items += _items(claimed)
            if cursor == b"0-0":
                break
        return items

    async def hold(self, consumer: str, ids: Sequence[str]) -> None:
        """Keep other consumers from claiming these items. Call it repeatedly while working on them."""
        if ids:
            await self._redis.xclaim(self._stream, self._name, consumer, 0, list(ids), justid=True)

    async def leave(self, consumer: str, ids: Sequence[str]) -> None:
        """Let other consumers claim these items at once: this one can't do them."""
        if ids:
            await self._redis.xclaim(self._stream, self._name, consumer, 0, list(ids), idle=LEFT_IDLE_MS, justid=True)

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


def _items(answer: Sequence[tuple[bytes, Mapping[bytes, bytes] | None]]) -> list[Item]:
    """Without items that were trimmed: they come without fields."""
    return [(item_id.decode(), fields) for item_id, fields in answer if fields]

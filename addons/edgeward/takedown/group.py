"""A consumer group on a stream: work that is shared out among consumers, each piece owed until it is acknowledged."""

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

# Reads and deletes in one go: a consumer that takes something meanwhile is not deleted.
# KEYS: stream. ARGV: group, least idle time in ms
_FORGET = """
local gone = 0
for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #fields, 2 do consumer[fields[i]] = fields[i + 1] end
  if consumer.pending == 0 and consumer.idle >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    gone = gone + 1
  end
end
return gone
"""

# In one go: what is taken between two questions would count neither as waiting nor as taken, and so as done.
# KEYS: stream. ARGV: group -> {items taken; items waiting, -1 where the store can't tell; the oldest; the last taken}
_OWED = """
local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
local last, lag = '0-0', false
for _, fields in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #fields, 2 do group[fields[i]] = fields[i + 1] end
  if group.name == ARGV[1] then last, lag = group['last-delivered-id'], group.lag end
end
local waiting = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1)[1]
return {pending[1], waiting and (lag or -1) or 0, pending[2] or waiting and waiting[1] or '', last}
"""

NO_GROUP = "NOGROUP"
"""How the store's answer begins where there is no such group (any more)."""
_NO_GROUP_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Owed:
    """What a group has still to do: number of items, and the id of the oldest ("" when there is none)."""

    count: int
    oldest: str


class Group:
    """The group `name` on the stream with key `stream`. A new group starts at the stream's first item."""

    def __init__(self, store: Store, stream: str, name: str) -> None:
        self._store, self._stream, self._name = store, stream, name
        self._blocking: Any = None
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    async def ensure(self) -> None:
        """Make the group where there is none: at first, and after the store lost its data."""
        await self._store.run(_ENSURE, [self._stream], [self._name])

    async def take(self, consumer: str, count: int, block_ms: int) -> list[Item]:
        """The next items that nobody has taken; waits for some up to `block_ms`. Without a group: none."""
        if self._blocking is None:
            self._blocking = await self._store.blocking()
        async with (
            asyncio.timeout(block_ms / 1000 + self._store.timeout),
            self._blocking.pipeline(transaction=False) as pipe,
        ):
            pipe.xreadgroup(self._name, consumer, {self._stream: ">"}, count=count, block=block_ms)
            # As a value, not raised: a store that lost its data has no group any more.
            (answer,) = await pipe.execute(raise_on_error=False)
        if isinstance(answer, Exception):
            if not str(answer).startswith(NO_GROUP):
                raise answer
            await asyncio.sleep(_NO_GROUP_PAUSE)
            return []
        return _items(answer[0][1]) if answer else []

    async def mine(self, consumer: str, after: str = "0", count: int = 100) -> list[Item]:
        """Items after the id `after` that this consumer took and never acknowledged, in an earlier life perhaps."""
        answer = await self._redis.xreadgroup(self._name, consumer, {self._stream: after}, count=count)
        return _items(answer[0][1]) if answer else []

    async def claim(self, consumer: str, idle_ms: int, count: int = 100) -> list[Item]:
        """Take over up to `count` items that their consumers have left alone for `idle_ms`: those are dead."""
        items: list[Item] = []
        place = "0-0"
        while len(items) < count:
            # One call looks only at so many items, most of which may be in good hands.
            place, claimed, *_ = await self._redis.xautoclaim(
                self._stream, self._name, consumer, idle_ms, start_id=place, count=count - len(items)
            )
            items += _items(claimed)
            if place == b"0-0":
                break
        return items

    async def hold(self, consumer: str, ids: Sequence[str]) -> None:
        """Tell the others that these are being worked on, so that nobody claims them."""
        if ids:
            await self._redis.xclaim(self._stream, self._name, consumer, 0, list(ids), justid=True)

    async def forget_consumers(self, idle_seconds: float) -> int:
        """Remove consumers that have been silent for so long and owe nothing. Returns how many."""
        return int(await self._store.run(_FORGET, [self._stream], [self._name, int(idle_seconds * 1000)]))

    async def acknowledge(self, ids: Sequence[str]) -> None:
        """These are done."""
        if ids:
            await self._redis.xack(self._stream, self._name, *ids)

    async def owed(self) -> Owed:
        """What is still to be done, taken or not."""
        return (await self._standing())[0]

    async def reached(self) -> str:
        """The id up to which all is done."""
        owed, last = await self._standing()
        if not owed.oldest:
            return last
        before = await self._redis.xrevrange(self._stream, f"({owed.oldest}", "-", count=1)
        return str(before[0][0].decode()) if before else "0-0"

    async def _standing(self) -> tuple[Owed, str]:
        """What is owed, and the id of the last item that was taken."""
        taken, waiting, oldest, last = await self._store.run(_OWED, [self._stream], [self._name])
        if waiting < 0:
            # Redis does not know it after a trim beyond the group's place, and before 7.0 never.
            waiting = len(await self._redis.xrange(self._stream, f"({last.decode()}", "+"))
        return Owed(taken + waiting, oldest.decode()), last.decode()


def _items(answer: Sequence[tuple[bytes, Mapping[bytes, bytes] | None]]) -> list[Item]:
    """Without those that were trimmed away meanwhile: they come without fields."""
    return [(item_id.decode(), fields) for item_id, fields in answer if fields]

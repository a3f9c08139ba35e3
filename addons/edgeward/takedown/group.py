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
        pending = await self._redis.xpending(self._stream, self._name)
        last = await self._last_taken()
        waiting = await self._redis.xrange(self._stream, f"({last}", "+", count=1)
        count = int(pending["pending"]) + (await self._lag(last) if waiting else 0)
        if pending["pending"]:
            return Owed(count, pending["min"].decode())
        return Owed(count, waiting[0][0].decode() if waiting else "")

    async def reached(self) -> str:
        """The id up to which all is done."""
        owed = await self.owed()
        if not owed.oldest:
            return await self._last_taken()
        before = await self._redis.xrevrange(self._stream, f"({owed.oldest}", "-", count=1)
        return str(before[0][0].decode()) if before else "0-0"

    async def _last_taken(self) -> str:
        info = await self._info()
        return str(info["last-delivered-id"].decode()) if info else "0-0"

    async def _lag(self, last: str) -> int:
        lag = (await self._info()).get("lag")
        if lag is not None:
            return int(lag)
        # Redis does not know it after a trim beyond the group's place, and before 7.0 never.
        return len(await self._redis.xrange(self._stream, f"({last}", "+"))

    async def _info(self) -> dict[str, Any]:
        groups: list[dict[str, Any]] = await self._redis.xinfo_groups(self._stream)
        return next((group for group in groups if group["name"] == self._name.encode()), {})


def _items(answer: Sequence[tuple[bytes, Mapping[bytes, bytes] | None]]) -> list[Item]:
    """Without those that were trimmed away meanwhile: they come without fields."""
    return [(item_id.decode(), fields) for item_id, fields in answer if fields]

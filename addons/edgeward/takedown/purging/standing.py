"""How far orders have come: which caches have an outcome for which of them, asked for many at once."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from itertools import batched

from edgeward.store.connection import Store

LOOK_AT_ONCE = 500
POLL_SECONDS = (0.003, 0.05)
"""How often is looked: at first, and at most."""
REST = 5
"""A look is followed by a rest of so many times its length: many who wait must not wear out the store."""
OWED, REFUSED = "-", "r"
"""Marks of an order at a cache: no outcome yet, refused. Any other: the first letter of the delivery."""

# ARGV: prefix of outcome keys, number of caches, caches, ids. Answers with a mark for each id and cache.
_MARKS = """
local prefix, count, caches, marks = ARGV[1], tonumber(ARGV[2]), {}, {}
for i = 1, count do caches[i] = ARGV[2 + i] end
for i = 3 + count, #ARGV do
  for _, outcome in ipairs(redis.call('HMGET', prefix .. ARGV[i], unpack(caches))) do
    marks[#marks + 1] = outcome and string.match(outcome, '"delivery":"(%a)') or '-'
  end
end
return table.concat(marks)
"""


class Standing:
    """The outcomes below the keys `prefix`ID.

    Args:
        home: a key in the hash tag of them all.
    """

    def __init__(self, store: Store, home: str, prefix: str) -> None:
        self._store, self._home, self._prefix = store, home, prefix

    async def wait_done(self, ids: Sequence[str], caches: Sequence[str], timeout: float) -> dict[str, int]:
        """See Orders.wait_done. The first chunk that is not done is looked at until it is; then the next."""
        deadline = time.monotonic() + timeout
        chunks = deque(list(chunk) for chunk in batched(ids, LOOK_AT_ONCE)) if caches else deque[list[str]]()
        owed: Counter[str] = Counter()
        pause, most = POLL_SECONDS
        while chunks:
            began = time.monotonic()
            chunks[0] = await self._open(chunks[0], caches, owed)
            if not chunks[0]:
                chunks.popleft()
                continue
            now = time.monotonic()
            if now >= deadline:
                break
            await asyncio.sleep(min(deadline - now, max(pause, REST * (now - began))))
            pause = min(most, pause * 1.5)
        for chunk in chunks:
            for marks in await self._marks(chunk, caches):
                _count(owed, caches, marks)
        return {cache: owed[cache] for cache in caches if owed[cache]}

    async def _open(self, ids: Sequence[str], caches: Sequence[str], owed: Counter[str]) -> list[str]:
        """Those that some cache has no outcome for. What is refused of the others is counted."""
        still_open = []
        for order_id, marks in zip(ids, await self._marks(ids, caches), strict=True):
            if OWED in marks:
                still_open.append(order_id)
            else:
                _count(owed, caches, marks)
        return still_open

    async def _marks(self, ids: Sequence[str], caches: Sequence[str]) -> list[str]:
        """For each order a mark of each cache."""
        answer = await self._store.run(_MARKS, [self._home], [self._prefix, len(caches), *caches, *ids])
        return ["".join(marks) for marks in batched(answer.decode(), len(caches))]


def _count(owed: Counter[str], caches: Sequence[str], marks: str) -> None:
    if OWED in marks or REFUSED in marks:
        owed.update(cache for cache, mark in zip(caches, marks, strict=True) if mark in (OWED, REFUSED))

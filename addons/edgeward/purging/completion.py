"""Whether orders are done: waits until every cache has an outcome for each of thousands of orders."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from itertools import batched

from edgeward.store.connection import Store

ORDERS_PER_POLL = 500
POLL_SECONDS = (0.003, 0.05)
"""Pause between two polls: the first one, and the longest."""
PAUSE_PER_POLL_TIME = 5
"""A pause is at least this many times as long as the poll before it, so that many waiting clients do not overload
the store."""
OWED, REFUSED, UNSUPPORTED = "-", "r", "u"
"""State letters of an order at a cache: no outcome yet; refused; can't be carried out there. Any other letter: the
first one of its delivery."""

# Answers with one text, which has a state letter for each id and, within it, each cache.
# ARGV: prefix of outcome keys, number of caches, caches, ids
_STATES = """
local prefix, count, caches, states = ARGV[1], tonumber(ARGV[2]), {}, {}
for i = 1, count do caches[i] = ARGV[2 + i] end
for i = 3 + count, #ARGV do
  for _, outcome in ipairs(redis.call('HMGET', prefix .. ARGV[i], unpack(caches))) do
    states[#states + 1] = outcome and string.match(outcome, '"delivery":"(%a)') or '-'
  end
end
return table.concat(states)
"""


class OrderCompletion:
    """Reads the outcomes at the keys `prefix`ID.

    Args:
        home: a key with the hash tag of those keys, so that a cluster runs the script on their node.
    """

    def __init__(self, store: Store, home: str, prefix: str) -> None:
        self._store, self._home, self._prefix = store, home, prefix

    async def wait_done(self, ids: Sequence[str], caches: Sequence[str], timeout: float) -> dict[str, int]:
        """See Orders.wait_done."""
        deadline = time.monotonic() + timeout
        # Only the first chunk is polled, until it is done. Orders are done roughly in their order, so the next chunks
        # then take one poll each, and a wait for ten thousand orders reads few outcomes twice.
        chunks = deque(list(chunk) for chunk in batched(ids, ORDERS_PER_POLL)) if caches else deque[list[str]]()
        not_removed: Counter[str] = Counter()
        pause, longest_pause = POLL_SECONDS
        while chunks:
            started = time.monotonic()
            states = await self.states(chunks[0], caches)
            for _, order_states in states:
                if OWED not in order_states:
                    _count_not_removed(not_removed, caches, order_states)
            chunks[0] = [order_id for order_id, order_states in states if OWED in order_states]
            if not chunks[0]:
                chunks.popleft()
                continue
            now = time.monotonic()
            if now >= deadline:
                break
            await asyncio.sleep(min(deadline - now, max(pause, PAUSE_PER_POLL_TIME * (now - started))))
            pause = min(longest_pause, pause * 1.5)
        for chunk in chunks:
            for _, order_states in await self.states(chunk, caches):
                _count_not_removed(not_removed, caches, order_states)
        return {cache: not_removed[cache] for cache in caches if not_removed[cache]}

    async def refused(self, ids: Sequence[str], caches: Sequence[str]) -> dict[str, int]:
        """See Orders.count_refused."""
        counts: Counter[str] = Counter()
        for chunk in batched(ids, ORDERS_PER_POLL) if caches else ():
            for _, states in await self.states(chunk, caches):
                counts.update(cache for cache, state in zip(caches, states, strict=True) if state == REFUSED)
        return {cache: counts[cache] for cache in caches if counts[cache]}

    async def states(self, ids: Sequence[str], caches: Sequence[str]) -> list[tuple[str, str]]:
        """Each order id with its state letters, one per cache in the order of `caches`."""
        letters = await self._store.run(_STATES, [self._home], [self._prefix, len(caches), *caches, *ids])
        rows = ("".join(row) for row in batched(letters.decode(), len(caches)))
        return list(zip(ids, rows, strict=True))


def _count_not_removed(not_removed: Counter[str], caches: Sequence[str], states: str) -> None:
    not_removed.update(cache for cache, state in zip(caches, states, strict=True) if state in (OWED, REFUSED))

"""The stream of images seen for the first time: who keeps an index of all images follows it.

The n-th arrival has the id n-CHECK, so a gap shows; CHECK is another for every writing, so it also shows when the store
lost the latest arrivals (a failover) and has given their numbers to others since.
"""

import time
from collections.abc import Sequence
from typing import Any

from edgeward.store.connection import Arg, Store

LENGTH = 1_000_000
"""About so many arrivals are kept. Who falls further behind reads all images again."""
STREAM_BYTES = 256 * 1024 * 1024
"""Or about so many bytes of them: where a list asks for `geometry` an image has thousands."""
START = "0-0"

# KEYS: stream, counter   ARGV: length, check, packed fingerprints
_ANNOUNCE = """
local last = redis.call('INCRBY', KEYS[2], #ARGV - 2)
for i = 3, #ARGV do
  local id = string.format('%.0f-%s', last - #ARGV + i, ARGV[2])
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, '', ARGV[i])
end
"""


class PlaceLost(LookupError):
    """The place in the stream of new images is no longer there: read all images again."""


class Arrivals:
    """The stream of new images in the store, as packed fingerprints. A place in it is the id of an arrival."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._stream, self._counter = store.key("{seen}", "new"), store.key("{seen}", "count")

    async def announce(self, images: Sequence[bytes]) -> None:
        """Append packed fingerprints. Twice does no harm."""
        if images:
            length = min(LENGTH, STREAM_BYTES * len(images) // sum(map(len, images)))
            args: list[Arg] = [length, time.time_ns(), *images]
            await self._store.run(_ANNOUNCE, [self._stream, self._counter], args)

    async def newest(self) -> str:
        """The place of the latest arrival."""
        found = await self._redis.xrevrange(self._stream, count=1)
        return found[0][0].decode() if found else START

    async def latest(self, limit: int) -> list[bytes]:
        """Packed fingerprints of the latest arrivals, newest first."""
        return [fields[b""] for _, fields in await self._redis.xrevrange(self._stream, count=limit)]

    async def since(self, after: str, limit: int) -> tuple[list[bytes], str]:
        """Packed fingerprints of the next arrivals after a place, and the place reached.

        Raises:
            PlaceLost: the place was trimmed from the stream, or the store lost its data.
        """
        # From the place itself on: that it is still there shows that nothing was lost.
        found = await self._redis.xrange(self._stream, after, "+", count=limit + 1)
        if after == START:
            lost = bool(found) and not found[0][0].startswith(b"1-")
        else:
            lost = not found or found.pop(0)[0] != after.encode()
        if lost:
            raise PlaceLost(after)
        found = found[:limit]
        return [fields[b""] for _, fields in found], found[-1][0].decode() if found else after

"""The stream of images seen for the first time. Each index of all images follows it.

The n-th image has the stream id n-CHECK, so that a gap shows. CHECK is different for each write. It shows when the
store has lost the latest images (a failover) and has given their numbers to others since.
"""

import time
from collections.abc import Sequence
from typing import Any

from edgeward.store.connection import Arg, Store

MAX_IMAGES = 1_000_000
"""About this many images are kept. A follower that falls further behind reads all images again."""
MAX_STREAM_BYTES = 256 * 1024 * 1024
"""And about this many bytes of them: if a list asks for `geometry`, an image has thousands of signals."""
START = "0-0"
"""The position before the first image."""

# KEYS: stream, counter. ARGV: images to keep, check, packed fingerprints
_APPEND = """
local last = redis.call('INCRBY', KEYS[2], #ARGV - 2)
for i = 3, #ARGV do
  local id = string.format('%.0f-%s', last - #ARGV + i, ARGV[2])
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, '', ARGV[i])
end
"""


class PositionLost(LookupError):
    """The position in the stream of new images no longer exists: read all images again."""


class NewImageStream:
    """The stream of new images in the store, as packed fingerprints. A position in it is the id of an image."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._stream, self._counter = store.key("{seen}", "new"), store.key("{seen}", "count")

    async def append(self, images: Sequence[bytes], max_bytes: int | None = None) -> None:
        """Append packed fingerprints. Appending one twice does no harm. `max_bytes`: of all images in the stream, if
        that is less than MAX_STREAM_BYTES."""
        if images:
            # Redis limits a stream by number only: fewer images of the present size fit into the bytes.
            size = min(MAX_STREAM_BYTES, max_bytes or MAX_STREAM_BYTES)
            length = min(MAX_IMAGES, size * len(images) // sum(map(len, images)))
            args: list[Arg] = [length, time.time_ns(), *images]
            await self._store.run(_APPEND, [self._stream, self._counter], args)

    async def newest(self) -> str:
        """The position of the latest image."""
        found = await self._redis.xrevrange(self._stream, count=1)
        return found[0][0].decode() if found else START

    async def latest(self, limit: int) -> list[bytes]:
        """Packed fingerprints of the latest images, newest first."""
        return [fields[b""] for _, fields in await self._redis.xrevrange(self._stream, count=limit)]

    async def since(self, after: str, limit: int) -> tuple[list[bytes], str]:
        """Packed fingerprints of up to `limit` images after a position, and the position reached.

        Raises:
            PositionLost: the position was trimmed from the stream, or the store lost its data.
        """
        # The read begins at the position itself: if that image is still there, nothing after it was lost.
        found = await self._redis.xrange(self._stream, after, "+", count=limit + 1)
        if after == START:
            lost = bool(found) and not found[0][0].startswith(b"1-")
        else:
            lost = not found or found.pop(0)[0] != after.encode()
        if lost:
            raise PositionLost(after)
        found = found[:limit]
        return [fields[b""] for _, fields in found], found[-1][0].decode() if found else after

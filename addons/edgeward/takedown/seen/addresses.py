"""Which images were seen under which address, whatever its spelling.

Two to the power of BUCKET_BITS sorted sets hold one member for each image at each path, and one more at each path with
parameters: four bytes to tell addresses in a bucket apart, and the image's id; its score is when that was last seen.
A sorted set of some dozen members is one piece of memory, so a member costs about 30 bytes. Four bytes may mistake one
address for another: whoever asks looks at the image's targets, which are exact.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator
from typing import Any

from edgeward.store.connection import Store
from edgeward.takedown.seen.spelling import Spelling

BUCKET_BITS = 20
TAIL_BYTES = 4
KEPT = 10_000
"""Images of one address that are remembered, the latest."""
CROWDED = 4
"""A bucket of so many times KEPT loses its oldest members, whatever their address."""
TIDIED = 64
"""One in so many writes tidies its bucket."""
PERIODS = 4
"""A bucket's expiry is moved only once in this part of the time that it keeps its members, by each process."""

# KEYS: bucket   ARGV: forget before (Unix seconds), members kept of one address, members kept in all, bytes of the tail
_TIDY = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) <= tonumber(ARGV[2]) then return 0 end
local seen, dropped = {}, 0
for place, member in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  local tail = string.sub(member, 1, ARGV[4])
  seen[tail] = (seen[tail] or 0) + 1
  if seen[tail] > tonumber(ARGV[2]) or place > tonumber(ARGV[3]) then
    dropped = dropped + redis.call('ZREM', KEYS[1], member)
  end
end
return dropped
"""


class Addresses:
    """The index of addresses in the store. `keep`: seconds that an image is remembered after it was last seen."""

    def __init__(self, store: Store, keep: float) -> None:
        self._store, self._keep = store, keep
        self._writes = 0
        self._renewed = bytearray(1 << BUCKET_BITS)
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    def queue(self, pipe: Any, spelling: Spelling, image: bytes, at: int) -> list[str]:
        """Queue in a pipeline: an image (id) was seen at an address. Returns the buckets that want tidying then."""
        untidy = []
        for bucket, tail in _places(spelling):
            key = self._key(bucket)
            pipe.zadd(key, {tail + image: at})
            self._renew(pipe, bucket, key)
            self._writes += 1
            if self._writes % TIDIED == 0:
                untidy.append(key)
        return untidy

    def lost(self) -> None:
        """What was queued may not have come to the store: each bucket is renewed again with its next member."""
        self._renewed = bytearray(1 << BUCKET_BITS)

    async def tidy(self, buckets: Iterable[str]) -> int:
        """Forget what is too old or too much. Returns how many members were too much."""
        args = (int(time.time() - self._keep), KEPT, CROWDED * KEPT, TAIL_BYTES)
        return sum([int(await self._store.run(_TIDY, [bucket], args)) for bucket in buckets])

    async def images(self, spelling: Spelling) -> list[bytes]:
        """Ids of the images seen at an address, newest first, and some others by mistake.

        An address without parameters stands for its path with any.
        """
        *_, (bucket, tail) = _places(spelling)
        found = await self._redis.zrevrangebyscore(self._key(bucket), "+inf", int(time.time() - self._keep))
        return [member[TAIL_BYTES:] for member in found if member.startswith(tail)]

    def _renew(self, pipe: Any, bucket: int, key: str) -> None:
        """Queue that a bucket expires no sooner than its newest member, however soon its next renewal is due."""
        period = int(time.time() / self._keep * PERIODS) % 255 + 1
        if self._renewed[bucket] != period:
            self._renewed[bucket] = period
            pipe.pexpire(key, int(self._keep * 1000 * (1 + 1 / PERIODS)))

    def _key(self, bucket: int) -> str:
        return self._store.key(f"{{{bucket:05x}}}", "a")


def _places(spelling: Spelling) -> Iterator[tuple[int, bytes]]:
    """(bucket, tail) of an address without its parameters; and with them, where it has any."""
    path = spelling.host.encode("utf-8", "surrogatepass") + b"\0" + spelling.path
    yield _place(path)
    if spelling.parameters:
        yield _place(b"\0".join((path, *spelling.parameters)))


def _place(address: bytes) -> tuple[int, bytes]:
    digest = hashlib.blake2b(address, digest_size=8).digest()
    return int.from_bytes(digest[:4]) >> (32 - BUCKET_BITS), digest[-TAIL_BYTES:]

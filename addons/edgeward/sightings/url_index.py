"""Which images were seen at a URL or an equivalent one.

2^BUCKET_BITS sorted sets (buckets) hold one member per image and path, and one more per image and path with parameters;
and the same for each other form of the URL (url_normalization.py).
A member is four bytes of the URL's hash and the image's id; its score is when the image was last seen there. Redis
stores a sorted set of a few dozen members compactly, so that a member costs about 30 bytes. Different URLs may share
those four bytes: the caller must compare the image's targets, which are exact.
"""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import batched
from typing import Any

from edgeward.sightings.url_normalization import NormalizedUrl
from edgeward.store.connection import Store

BUCKET_BITS = 20
URL_HASH_BYTES = 4
MAX_IMAGES_PER_URL = 10_000
"""Images of one URL that are kept, the latest."""
BUCKET_LIMIT_FACTOR = 4
"""A bucket keeps at most this many times MAX_IMAGES_PER_URL members in all; the oldest are dropped."""
WRITES_PER_PRUNE = 64
"""One in this many writes prunes its bucket."""
RENEWALS_PER_KEEP = 4
"""Each process renews a bucket's expiry at most this often in the time that members are kept."""
MEMBERS_PER_REMOVAL = 1000

MAX_DROPPED_URLS = 1000
"""URL hashes of one bucket of which it is kept how many images were dropped; beyond, one number for all others."""

# KEYS: bucket, its dropped images. ARGV: forget before (Unix seconds), members kept with one URL hash, members kept in
# all, bytes of it, URL hashes kept of dropped images, keep in ms
_PRUNE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) <= tonumber(ARGV[2]) then return 0 end
local seen, dropped = {}, 0
for position, member in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  local url_hash = string.sub(member, 1, ARGV[4])
  seen[url_hash] = (seen[url_hash] or 0) + 1
  if seen[url_hash] > tonumber(ARGV[2]) or position > tonumber(ARGV[3]) then
    dropped = dropped + redis.call('ZREM', KEYS[1], member)
    local field = url_hash
    if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[5]) and redis.call('HEXISTS', KEYS[2], field) == 0 then
      field = ''
    end
    redis.call('HINCRBY', KEYS[2], field, 1)
  end
end
if dropped > 0 then redis.call('PEXPIRE', KEYS[2], ARGV[6]) end
return dropped
"""


class UrlIndex:
    """The index in the store.

    Args:
        keep: seconds that an image is kept at a URL after it was last seen there.
    """

    def __init__(self, store: Store, keep: float) -> None:
        self._store, self._keep = store, keep
        self._writes = 0
        # Per bucket the renewal period in which this process renewed its expiry last; 0 for never.
        self._renewed_in = bytearray(1 << BUCKET_BITS)
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    def queue(self, pipe: Any, url: NormalizedUrl, image: bytes, at: int) -> list[str]:
        """Queue in a pipeline: an image (by id) was seen at a URL. Returns the buckets to prune afterwards."""
        to_prune = []
        period = int(self._store.clock.now() / self._keep * RENEWALS_PER_KEEP) % 255 + 1
        for bucket, url_hash in _bucket_hashes(url):
            key = self._key(bucket)
            pipe.zadd(key, {url_hash + image: at})
            if self._renewed_in[bucket] != period:
                self._renewed_in[bucket] = period
                # One period longer than members are kept: the bucket then outlives its newest member, even if that
                # comes just before the next renewal.
                pipe.pexpire(key, int(self._keep * 1000 * (1 + 1 / RENEWALS_PER_KEEP)))
            self._writes += 1
            if self._writes % WRITES_PER_PRUNE == 0:
                to_prune.append(key)
        return to_prune

    async def remove(self, image: bytes, gone: Iterable[NormalizedUrl], kept: Iterable[NormalizedUrl]) -> None:
        """Remove an image from URLs where it has no target left. `kept`: those where it has.

        A target that came back meanwhile is missing here until it is seen again; its path is a forgotten prefix.
        """
        stay = {each for url in kept for each in _bucket_hashes(url)}
        members = {each for url in gone for each in _bucket_hashes(url)} - stay
        for some in batched(members, MEMBERS_PER_REMOVAL):
            async with self._store.pipeline() as pipe:
                for bucket, url_hash in some:
                    pipe.zrem(self._key(bucket), url_hash + image)
                await pipe.execute()

    def forget_renewals(self) -> None:
        """Renew each bucket's expiry with its next member: the pipeline with the last renewals may have failed."""
        self._renewed_in = bytearray(1 << BUCKET_BITS)

    async def prune(self, buckets: Iterable[str]) -> int:
        """Drop members that are too old or beyond the limits. Returns how many were beyond the limits."""
        limit = MAX_IMAGES_PER_URL
        args = (
            int(self._store.clock.now() - self._keep),
            limit,
            BUCKET_LIMIT_FACTOR * limit,
            URL_HASH_BYTES,
            MAX_DROPPED_URLS,
            int(self._keep * 1000),
        )
        return sum([int(await self._store.run(_PRUNE, [bucket, f"{bucket}:d"], args)) for bucket in buckets])

    async def dropped(self, url: NormalizedUrl) -> int:
        """How many images of a URL, and perhaps of others whose URL has the same hash, were dropped from the index."""
        *_, (bucket, url_hash) = _bucket_hashes(url)
        found = await self._redis.hmget(f"{self._key(bucket)}:d", [url_hash, ""])
        return sum(int(count) for count in found if count)

    async def images(self, url: NormalizedUrl) -> list[bytes]:
        """Ids of the images seen at a URL, newest first, and perhaps of others whose URL has the same hash.

        A URL without parameters stands for its path with any parameters.
        """
        *_, (bucket, url_hash) = _bucket_hashes(url)
        oldest = int(self._store.clock.now() - self._keep)
        members = await self._redis.zrevrangebyscore(self._key(bucket), "+inf", oldest)
        return [member[URL_HASH_BYTES:] for member in members if member.startswith(url_hash)]

    def _key(self, bucket: int) -> str:
        return self._store.key(f"{{{bucket:05x}}}", "a")


def _bucket_hashes(url: NormalizedUrl) -> Iterator[tuple[int, bytes]]:
    """(bucket, URL hash) of each of its forms without parameters, then with them, if it has any; its own form last."""
    host = url.host.encode("utf-8", "surrogatepass") + b"\0"
    keys: dict[bytes, None] = {}
    for path, parameters in url.forms:
        forms = (host + path, b"\0".join((host + path, *parameters))) if parameters else (host + path,)
        for key in forms:
            # Removed first, so that it is the last one even if it was there.
            keys.pop(key, None)
            keys[key] = None
    for key in keys:
        digest = hashlib.blake2b(key, digest_size=8).digest()
        yield int.from_bytes(digest[:4]) >> (32 - BUCKET_BITS), digest[-URL_HASH_BYTES:]

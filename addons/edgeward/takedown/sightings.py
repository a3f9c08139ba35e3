"""What was served where: image -> targets, target -> images, and a stream of images seen for the first time.

Each key expires `keep_days` after its last sighting, so the store's memory is bounded by what is still being served.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from edgeward import metrics
from edgeward.config import SightingsSettings
from edgeward.store.connection import Store
from edgeward.types import Fingerprint, Flaw, Sighting, Target

WRITE_AT_ONCE = 100
SCAN_COUNT = 1000
STREAM_LENGTH = 1_000_000
"""About so many new images are kept in the stream. Who falls further behind reads all images again."""
TARGETS_KEPT = 100_000
"""Targets of one image that are remembered, the latest: a bound on what random query strings can fill. What is
dropped is counted."""
PASSING = (Flaw.TIMEOUT, Flaw.CRASHED, Flaw.OVERLOADED)
"""Flaws that say more about the moment than about the image: hashed again next time."""

# KEYS: stream of new images, its counter; then for each sighting: image, targets, images of the URL
# ARGV: keep (ms), stream length, targets kept; then for each: fingerprint, has flaw, sha256, target, at, forget before
_WRITE = """
local dropped = 0
for i = 0, (#KEYS - 2) / 3 - 1 do
  local image, targets, url = KEYS[3 + i * 3], KEYS[4 + i * 3], KEYS[5 + i * 3]
  local fingerprint, flawed, sha256, target, at, before = unpack(ARGV, 4 + i * 6, 9 + i * 6)
  local old = redis.call('GET', image)
  if not old or (old ~= fingerprint and flawed == '0') then
    redis.call('SET', image, fingerprint)
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], redis.call('INCR', KEYS[2]) .. '-0', 'sha256', sha256)
  end
  redis.call('ZADD', targets, 'GT', at, target)
  dropped = dropped + redis.call('ZREMRANGEBYRANK', targets, 0, -ARGV[3] - 1)
  redis.call('ZADD', url, 'GT', at, sha256)
  for _, key in ipairs({targets, url}) do redis.call('ZREMRANGEBYSCORE', key, '-inf', before) end
  for _, key in ipairs({image, targets, url}) do redis.call('PEXPIRE', key, ARGV[1]) end
end
return dropped
"""


class PlaceLost(LookupError):
    """The place in the stream of new images is no longer there: read all images again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """This target served the image with this SHA-256, last at `seen_at` (Unix seconds)."""

    target: Target
    sha256: str
    seen_at: float


class Sightings:
    """Sightings and fingerprints in the store."""

    def __init__(self, store: Store, settings: SightingsSettings) -> None:
        self.store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._keep = settings.keep_days * 86400
        self._new = store.key("sightings", "new")
        self._counter = store.key("sightings", "count")
        self._image_prefix = store.key("sightings", "image", "")

    async def fingerprint(self, key: str) -> Fingerprint | None:
        """The fingerprint that was kept under `key`: of the raw body's SHA-256 and its content-codings."""
        text = await self._redis.get(self.store.key("fingerprint", key))
        return Fingerprint.from_json(text) if text else None

    async def keep_fingerprint(self, key: str, fingerprint: Fingerprint) -> None:
        """Keep a fingerprint for `keep_days`, unless a flaw that will pass makes it incomplete."""
        if fingerprint.flaw not in PASSING:
            await self._redis.set(self.store.key("fingerprint", key), fingerprint.to_json(), px=int(self._keep * 1000))

    async def write(self, batch: Sequence[Sighting]) -> None:
        """Record sightings. What is there already is refreshed; an image seen for the first time goes to the stream."""
        for start in range(0, len(batch), WRITE_AT_ONCE):
            keys = [self._new, self._counter]
            args: list[str | int | float] = [int(self._keep * 1000), STREAM_LENGTH, TARGETS_KEPT]
            for sighting in batch[start : start + WRITE_AT_ONCE]:
                image, at = sighting.fingerprint, sighting.seen_at
                keys += [self._image_prefix + image.sha256, self._targets(image.sha256), self._url(sighting.target.url)]
                args += [image.to_json(), int(image.flaw is not None), image.sha256, sighting.target.to_json()]
                args += [at, at - self._keep]
            metrics.sightings_dropped.inc(await self.store.run(_WRITE, keys, args))

    async def targets(self, sha256: str) -> list[tuple[Target, float]]:
        """Where the image was served, and when last (Unix seconds), oldest first."""
        found = await self._redis.zrange(self._targets(sha256), 0, -1, withscores=True)
        return [(Target.from_json(text), seen_at) for text, seen_at in found]

    async def images(self) -> AsyncIterator[Fingerprint]:
        """Every image on record, some of them twice."""
        cursor = 0
        pattern = _literal(self._image_prefix) + "*"
        while True:
            cursor, keys = await self._redis.scan(cursor, match=pattern, count=SCAN_COUNT)
            for text in await self._redis.mget(keys) if keys else ():
                if text:
                    yield Fingerprint.from_json(text)
            if not cursor:
                return

    async def images_of(self, digests: Sequence[str]) -> list[Fingerprint]:
        """The images with these SHA-256, without those that have expired."""
        found = await self._redis.mget([self._image_prefix + sha256 for sha256 in digests]) if digests else ()
        return [Fingerprint.from_json(text) for text in found if text]

    async def newest(self) -> str:
        """The place of the latest image in the stream, to go on from with `new_images`."""
        return str(int(await self._redis.get(self._counter) or 0))

    async def new_images(self, after: str, limit: int = SCAN_COUNT) -> tuple[list[Fingerprint], str]:
        """Images first seen, or seen with other signals, after the place `after`; and the place reached.

        Raises:
            PlaceLost: images after `after` were trimmed from the stream, or the store lost its data.
        """
        found = await self._redis.xrange(self._new, f"({after}-0", "+", count=limit)
        first = int(found[0][0].split(b"-")[0]) if found else int(await self.newest()) + 1
        if first != int(after) + 1:
            raise PlaceLost(after)
        if not found:
            return [], after
        images = await self.images_of([fields[b"sha256"].decode() for _, fields in found])
        return images, found[-1][0].split(b"-")[0].decode()

    async def find(self, url: str | None = None, sha256: str | None = None, limit: int = 100) -> list[Seen]:
        """Sightings of a URL, of an image, of both, or (neither) of the images that came last; newest first."""
        found: list[Seen] = []
        for image in [sha256] if sha256 else await self._candidates(url, limit):
            for target, seen_at in await self.targets(image):
                if url is None or target.url == url:
                    found.append(Seen(target, image, seen_at))
        return sorted(found, key=lambda seen: -seen.seen_at)[:limit]

    async def _candidates(self, url: str | None, limit: int) -> list[str]:
        if url is not None:
            return [image.decode() for image in await self._redis.zrange(self._url(url), 0, -1)]
        latest = await self._redis.xrevrange(self._new, count=limit)
        return list(dict.fromkeys(fields[b"sha256"].decode() for _, fields in latest))

    def _targets(self, sha256: str) -> str:
        return self.store.key("sightings", "targets", sha256)

    def _url(self, url: str) -> str:
        digest = hashlib.blake2b(url.encode("latin-1", "backslashreplace"), digest_size=16).hexdigest()
        return self.store.key("sightings", "url", digest)


def _literal(prefix: str) -> str:
    """`prefix` for a pattern in which it stands for itself."""
    return "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in prefix)

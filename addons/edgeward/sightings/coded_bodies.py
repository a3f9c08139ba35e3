"""Which image a body with content-codings holds: the digest of the coded body -> the SHA-256 of the decoded one.

{<coded>}:coded:<codings>   SHA-256 of the decoded image
{<image>}:c                 list of such keys of one image, the latest first, without the namespace

An upstream may code an image anew for each request, and get other bytes each time. So each image has a bounded number.
"""

from collections.abc import Sequence
from typing import Any

from edgeward import metrics
from edgeward.sightings.codec import image_id
from edgeward.sightings.images_and_targets import name_of
from edgeward.store.connection import Store

MAX_CODED = 16
"""Coded bodies of one image that are known. Of more, the oldest are decoded and hashed again when they come again."""

# KEYS: list. ARGV: key to add, number that stays, keep in ms. Returns the keys beyond that number.
_ADD = """
redis.call('LREM', KEYS[1], 0, ARGV[1])
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local beyond = redis.call('LRANGE', KEYS[1], ARGV[2], -1)
redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)
return beyond
"""


class CodedBodies:
    """The coded bodies in the store. `keep`: seconds that one is kept after it was first seen."""

    def __init__(self, store: Store, keep: float) -> None:
        self._store, self._keep_ms = store, int(keep * 1000)
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    async def find(self, coded_sha256: str, codings: str) -> str | None:
        """The SHA-256 of the image that a body holds; None if it is not known."""
        digest = await self._redis.get(self._store.key(_name(coded_sha256, codings)))
        return None if digest is None else digest.hex()

    async def add(self, coded_sha256: str, codings: str, sha256: str) -> None:
        """Remember that a body holds the image with this SHA-256. The oldest of too many are forgotten."""
        name = _name(coded_sha256, codings)
        # First the list: an item of it without its key is harmless, while a key that no list has would stay.
        beyond = await self._store.run(_ADD, [self._list(image_id(sha256))], [name, MAX_CODED, self._keep_ms])
        metrics.coded_bodies_dropped.inc(len(beyond))
        await self._delete(beyond)
        await self._redis.set(self._store.key(name), bytes.fromhex(sha256), px=self._keep_ms)

    async def remove_of_image(self, image: bytes) -> None:
        """Forget all of an image, by its id: it is deleted."""
        key = self._list(image)
        await self._delete(await self._redis.lrange(key, 0, -1))
        await self._redis.unlink(key)

    async def _delete(self, names: Sequence[bytes]) -> None:
        if names:
            async with self._store.pipeline() as pipe:
                for name in names:
                    pipe.unlink(self._store.key(name.decode()))
                await pipe.execute()

    def _list(self, image: bytes) -> str:
        return self._store.key(f"{{{name_of(image)}}}", "c")


def _name(coded_sha256: str, codings: str) -> str:
    return f"{{{name_of(image_id(coded_sha256))}}}:coded:{codings}"

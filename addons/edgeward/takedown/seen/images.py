"""Each image as one hash in the store: its packed fingerprint and the targets that it was seen at.

The field "" holds the fingerprint; every other field is a packed target, its value the Unix second when it was last
seen. Redis keeps such a hash in one piece of memory while none of its fields is longer than `hash-max-listpack-value`.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import batched
from typing import Any

from edgeward.store.connection import Store

FINGERPRINT = b""
PAGE = 1000
"""Fingerprints that are read at once; targets of one image, where it has many."""
IMAGES_AT_ONCE = 250
"""Images whose targets are read at once: few enough not to hold up the event loop."""
TARGETS_KEPT = 100_000
"""Targets of one image that are remembered, the latest, and up to an eighth more: a bound on what random query strings
can fill."""
TARGET_BYTES = 16 * 1024 * 1024
"""And their bytes."""
PRUNED_AT = 64
"""Targets of an image are looked through when they have become so many more, or an eighth."""
ID_CHARACTERS = 22

# KEYS: image   ARGV: field, value, field, value...   A target that was seen again meanwhile stays.
_FORGET = """
local forgotten = 0
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    forgotten = forgotten + redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return forgotten
"""


class Images:
    """The images in the store. `keep`: seconds that an image, or a target of it, is kept after it was last seen."""

    def __init__(self, store: Store, keep: float) -> None:
        self._store, self._keep = store, keep
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._pattern = _literal(store.key("")) + "{" + "?" * ID_CHARACTERS + "}:i"

    def key(self, image: bytes) -> str:
        return self._store.key(f"{{{name_of(image)}}}", "i")

    @property
    def oldest(self) -> int:
        """The second before which a target is forgotten. Times are whole seconds, so one more is allowed for."""
        return int(time.time() - self._keep) - 1

    def queue_fingerprint(self, pipe: Any, image: bytes, packed: bytes, replace: bool = True) -> None:
        """Queue in a pipeline the writing of a packed fingerprint. Without `replace` one that is there stays."""
        key = self.key(image)
        if replace:
            pipe.hset(key, FINGERPRINT, packed)
        else:
            pipe.hsetnx(key, FINGERPRINT, packed)
        pipe.pexpire(key, int(self._keep * 1000))

    def queue_targets(self, pipe: Any, image: bytes, targets: Mapping[bytes, int]) -> None:
        """Queue the writing of packed targets. It answers: how many were added, and how many fields there are then."""
        key = self.key(image)
        pipe.hset(key, mapping=targets)
        pipe.hlen(key)

    async def packed(self, images: Sequence[bytes]) -> list[bytes | None]:
        """The packed fingerprints of images by their ids; None where there is none (any more)."""
        return await self._fingerprints([self.key(image) for image in images])

    async def all_packed(self) -> AsyncIterator[list[bytes]]:
        """Every image, packed, in batches; some may come twice."""
        async for keys in self._store.scan(self._pattern, PAGE):
            yield [packed for packed in await self._fingerprints(keys) if packed]

    async def targets(self, images: Sequence[bytes]) -> AsyncIterator[tuple[bytes, Mapping[bytes, bytes]]]:
        """(packed fingerprint, {packed target: last seen}) of images by their ids, page by page."""
        for some in batched(images, IMAGES_AT_ONCE):
            async for page in self._targets([self.key(image) for image in some]):
                yield page

    async def all_targets(self) -> AsyncIterator[tuple[bytes, Mapping[bytes, bytes]]]:
        """The same of every image; some may come twice."""
        async for keys in self._store.scan(self._pattern, PAGE):
            for some in batched(keys, IMAGES_AT_ONCE):
                async for page in self._targets(some):
                    yield page

    async def prune(self, image: bytes) -> int:
        """Forget targets that were not seen for too long, or are too many. Returns how many were too many."""
        key, oldest = self.key(image), self.oldest
        found: dict[bytes, int] = {}
        async for _, page in self._targets([key]):
            found.update((target, int(at)) for target, at in page.items() if target != FINGERPRINT)
        expired = [target for target, at in found.items() if at < oldest]
        await self._forget(key, expired, found)
        for target in expired:
            del found[target]
        return await self._forget(key, await asyncio.to_thread(_excess, found), found)

    async def _fingerprints(self, keys: Sequence[str | bytes]) -> list[bytes | None]:
        if not keys:
            return []
        async with self._store.pipeline() as pipe:
            for key in keys:
                pipe.hget(key, FINGERPRINT)
            answers: list[bytes | None] = await pipe.execute()
        return answers

    async def _targets(self, keys: Sequence[str | bytes]) -> AsyncIterator[tuple[bytes, Mapping[bytes, bytes]]]:
        async with self._store.pipeline() as pipe:
            for key in keys:
                pipe.hget(key, FINGERPRINT)
                pipe.hscan(key, 0, count=PAGE)
            answers = await pipe.execute()
        for key, packed, answer in zip(keys, answers[::2], answers[1::2], strict=True):
            cursor, page = answer
            if packed:
                yield packed, page
            while packed and cursor:
                cursor, page = await self._redis.hscan(key, cursor, count=PAGE)
                yield packed, page

    async def _forget(self, key: str, targets: Sequence[bytes], found: Mapping[bytes, int]) -> int:
        forgotten = 0
        for some in batched(targets, PAGE):
            args = [each for target in some for each in (target, found[target])]
            forgotten += int(await self._store.run(_FORGET, [key], args))
        return forgotten


def name_of(image: bytes) -> str:
    """An image's id as it stands in its key: base64url (RFC 4648, section 5) without padding."""
    return base64.urlsafe_b64encode(image)[:ID_CHARACTERS].decode()


def wants_pruning(added: int, length: int) -> bool:
    """Whether a hash that has grown by `added` fields to `length` has passed a length to look through it."""
    step = max(PRUNED_AT, 1 << max(0, length.bit_length() - 3))
    return length // step != (length - added) // step


def _excess(found: Mapping[bytes, int]) -> list[bytes]:
    """The oldest targets, so that the others are few and small enough."""
    newest = sorted(found, key=lambda target: -found[target])
    room = TARGET_BYTES
    for place, target in enumerate(newest):
        room -= len(target)
        if place >= TARGETS_KEPT or room < 0:
            return newest[place:]
    return []


def _literal(prefix: str) -> str:
    """`prefix` for a pattern in which it stands for itself."""
    return "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in prefix)

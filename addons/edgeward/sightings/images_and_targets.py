"""Each image as one Redis hash: its packed fingerprint, and the targets that it was seen at.

The field "" holds the fingerprint. Every other field is a packed target, its value the Unix second when it was last
seen. Redis stores such a hash compactly while no field is longer than `hash-max-listpack-value`.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import batched
from typing import Any

from edgeward.store.connection import Store

FINGERPRINT = b""
FIELDS_PER_READ = 1000
"""Fingerprints, or targets of one image, that one command reads or deletes."""
IMAGES_PER_READ = 250
"""Images whose targets are read together: few enough not to delay the event loop."""
MAX_TARGETS = 100_000
"""Targets of one image that are kept, the latest. Up to an eighth more may be stored until the image is pruned.
The limit bounds what random query strings can fill."""
MAX_TARGET_BYTES = 16 * 1024 * 1024
"""The same limit in bytes of packed targets."""
MIN_PRUNE_STEP = 64
"""An image is pruned each time it has grown by this many fields, or by an eighth if that is more."""
ID_CHARACTERS = 22

# A target that was seen again since it was read stays.
# KEYS: image. ARGV: field, value, field, value...
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
    """The images in the store.

    Args:
        keep: seconds that an image, or a target of it, is kept after it was last seen.
    """

    def __init__(self, store: Store, keep: float) -> None:
        self._store, self._keep = store, keep
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._pattern = _escaped(store.key("")) + "{" + "?" * ID_CHARACTERS + "}:i"

    def key(self, image: bytes) -> str:
        return self._store.key(f"{{{name_of(image)}}}", "i")

    @property
    def oldest(self) -> int:
        """Targets last seen before this Unix second are forgotten. One second earlier, since times are rounded down."""
        return int(time.time() - self._keep) - 1

    def queue_fingerprint(self, pipe: Any, image: bytes, packed: bytes, replace: bool = True) -> None:
        """Queue in a pipeline to write a packed fingerprint. Without `replace`, one on record stays."""
        key = self.key(image)
        if replace:
            pipe.hset(key, FINGERPRINT, packed)
        else:
            pipe.hsetnx(key, FINGERPRINT, packed)
        pipe.pexpire(key, int(self._keep * 1000))

    def queue_targets(self, pipe: Any, image: bytes, targets: Mapping[bytes, int]) -> None:
        """Queue in a pipeline to write packed targets. Two answers: fields added, and fields of the image then."""
        key = self.key(image)
        pipe.hset(key, mapping=targets)
        pipe.hlen(key)

    async def packed(self, images: Sequence[bytes]) -> list[bytes | None]:
        """The packed fingerprints of images by their ids; None for one that is not on record (any more)."""
        return await self._fingerprints([self.key(image) for image in images])

    async def all_packed(self) -> AsyncIterator[list[bytes]]:
        """Every packed fingerprint, in batches; some may come twice."""
        async for keys in self._store.scan(self._pattern, FIELDS_PER_READ):
            yield [packed for packed in await self._fingerprints(keys) if packed]

    async def targets(self, images: Sequence[bytes]) -> AsyncIterator[tuple[bytes, Mapping[bytes, bytes]]]:
        """Pages of (packed fingerprint, {packed target: last seen}) of images by their ids."""
        for chunk in batched(images, IMAGES_PER_READ):
            async for page in self._targets([self.key(image) for image in chunk]):
                yield page

    async def all_targets(self) -> AsyncIterator[tuple[bytes, Mapping[bytes, bytes]]]:
        """The same for every image; some may come twice."""
        async for keys in self._store.scan(self._pattern, FIELDS_PER_READ):
            for chunk in batched(keys, IMAGES_PER_READ):
                async for page in self._targets(chunk):
                    yield page

    async def prune(self, image: bytes) -> int:
        """Forget targets not seen for `keep`, and the oldest beyond the limits. Returns how many were beyond them."""
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
                pipe.hscan(key, 0, count=FIELDS_PER_READ)
            answers = await pipe.execute()
        for key, packed, answer in zip(keys, answers[::2], answers[1::2], strict=True):
            cursor, page = answer
            if packed:
                yield packed, page
            while packed and cursor:
                cursor, page = await self._redis.hscan(key, cursor, count=FIELDS_PER_READ)
                yield packed, page

    async def _forget(self, key: str, targets: Sequence[bytes], last_seen: Mapping[bytes, int]) -> int:
        """Delete targets, except those seen after `last_seen`. Returns how many."""
        forgotten = 0
        for chunk in batched(targets, FIELDS_PER_READ):
            args = [each for target in chunk for each in (target, last_seen[target])]
            forgotten += int(await self._store.run(_FORGET, [key], args))
        return forgotten


def name_of(image: bytes) -> str:
    """An image's id as its key has it: base64url (RFC 4648, section 5) without padding."""
    return base64.urlsafe_b64encode(image)[:ID_CHARACTERS].decode()


def wants_pruning(added: int, length: int) -> bool:
    """Whether an image that grew by `added` fields to `length` has passed a multiple of its prune step."""
    # An eighth of the next lower power of two.
    step = max(MIN_PRUNE_STEP, 1 << max(0, length.bit_length() - 3))
    return length // step != (length - added) // step


def _excess(targets: Mapping[bytes, int]) -> list[bytes]:
    """The oldest targets, without which the others are within the limits."""
    newest = sorted(targets, key=lambda target: -targets[target])
    bytes_left = MAX_TARGET_BYTES
    for position, target in enumerate(newest):
        bytes_left -= len(target)
        if position >= MAX_TARGETS or bytes_left < 0:
            return newest[position:]
    return []


def _escaped(prefix: str) -> str:
    """`prefix` with the special characters of Redis patterns escaped."""
    return "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in prefix)

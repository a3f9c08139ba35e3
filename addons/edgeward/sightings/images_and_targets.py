"""Each image as one Redis hash: its packed fingerprint, and the targets that it was seen at.

The field "" holds the fingerprint. Every other field is a packed target, its value when it was seen (last_seen.py).
Redis stores such a hash compactly while no field is longer than `hash-max-listpack-value`.
"""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import batched
from typing import Any

from edgeward.store.connection import Store

FINGERPRINT = b""
FIELDS_PER_READ = 1000
"""Fingerprints, or targets of one image, that one command reads or deletes."""
IMAGES_PER_READ = 250
"""Images whose targets are read together: few enough not to delay the event loop."""
MIN_PRUNE_STEP = 64
"""An image is pruned each time it has grown by this many fields, or by an eighth if that is more."""
ID_CHARACTERS = 22


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
        return int(self._store.clock.now() - self._keep) - 1

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

    async def on_record(
        self, images: Sequence[tuple[bytes, Sequence[bytes]]]
    ) -> list[tuple[bytes | None, dict[bytes, bytes]]]:
        """For each image (id, packed targets): its packed fingerprint, and those of the targets that are on record,
        each with its value."""
        async with self._store.pipeline() as pipe:
            for image, targets in images:
                pipe.hmget(self.key(image), [FINGERPRINT, *targets])
            answers = await pipe.execute()
        return [
            (packed, {target: value for target, value in zip(targets, values, strict=True) if value is not None})
            for (_, targets), (packed, *values) in zip(images, answers, strict=True)
        ]

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


def name_of(image: bytes) -> str:
    """An image's id as its key has it: base64url (RFC 4648, section 5) without padding."""
    return base64.urlsafe_b64encode(image)[:ID_CHARACTERS].decode()


def wants_pruning(added: int, length: int) -> bool:
    """Whether an image that grew by `added` fields to `length` has passed a multiple of its prune step."""
    # An eighth of the next lower power of two.
    step = max(MIN_PRUNE_STEP, 1 << max(0, length.bit_length() - 3))
    return length // step != (length - added) // step


def _escaped(prefix: str) -> str:
    """`prefix` with the special characters of Redis patterns escaped."""
    return "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in prefix)

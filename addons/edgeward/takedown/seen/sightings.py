"""What was served where: image -> targets, address -> images, and a stream of images seen for the first time.

Each key expires `keep_days` after its last sighting, so the store's memory is bounded by what is still being served.
An image is announced before its targets are written: who follows the stream and then reads targets misses none that
was on record by then.
"""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from edgeward import metrics
from edgeward.config import SightingsSettings
from edgeward.hashing.generation import suffices
from edgeward.store.connection import Store
from edgeward.takedown.recent import Recent
from edgeward.takedown.seen.addresses import Addresses
from edgeward.takedown.seen.arrivals import Arrivals, PlaceLost
from edgeward.takedown.seen.draft import Draft, drafts
from edgeward.takedown.seen.images import Images, name_of, wants_pruning
from edgeward.takedown.seen.packing import (
    GENERATION,
    SHA256,
    generation_of,
    image_id,
    pack_fingerprint,
    same_fingerprint,
    unpack_fingerprint,
    unpack_target,
)
from edgeward.takedown.seen.spelling import bare_host, flat, spelling_of, target_of
from edgeward.types import PASSING, Fingerprint, Sighting, Target

__all__ = ["PlaceLost", "Seen", "Sightings"]

WRITE_AT_ONCE = 200
READ_AT_ONCE = 1000
ANNOUNCED_SECONDS = 5.0
"""An image is not announced twice by one process in this time."""
ANNOUNCED = 10_000

type Page = tuple[bytes, Mapping[bytes, bytes]]
"""A packed fingerprint, and some of the image's packed targets with the second of each."""


@dataclass(frozen=True, slots=True)
class Seen:
    """This target served the image with this SHA-256, last at `seen_at` (Unix seconds, whole)."""

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
        self._images = Images(store, self._keep)
        self._addresses = Addresses(store, self._keep)
        self._arrivals = Arrivals(store)
        self._announcing = asyncio.Lock()
        self._announced = Recent(ANNOUNCED_SECONDS, ANNOUNCED)

    async def fingerprint(self, key: str) -> Fingerprint | None:
        """The fingerprint that was kept under `key`: "SHA-256 of the raw body,generation[,content-codings]"."""
        sha256, generation, *codings = key.split(",")
        if codings:
            digest = await self._redis.get(self._alias(key))
            if digest is None:
                return None
            sha256 = digest.hex()
        (packed,) = await self._images.packed([image_id(sha256)])
        if packed is None or not suffices(generation_of(packed), generation):
            return None
        found = unpack_fingerprint(packed)
        return found if found.sha256 == sha256 else None

    async def keep_fingerprint(self, key: str, fingerprint: Fingerprint) -> None:
        """Keep a fingerprint for `keep_days`, unless a flaw that will pass makes it incomplete."""
        if fingerprint.flaw in PASSING:
            return
        _, generation, *codings = key.split(",")
        packed = pack_fingerprint(fingerprint, generation)
        image = image_id(packed)
        (old,) = await self._images.packed([image])
        if old is None or not same_fingerprint(old, packed):
            await self._announce([packed])
        async with self.store.pipeline() as pipe:
            self._images.queue_fingerprint(pipe, image, packed)
            if codings:
                pipe.set(self._alias(key), packed[SHA256], px=int(self._keep * 1000))
            await pipe.execute()

    async def write(self, batch: Sequence[Sighting]) -> None:
        """Record sightings. What is there already is refreshed; an image seen for the first time goes to the stream."""
        for some in batched(batch, WRITE_AT_ONCE):
            images = drafts(some)
            on_record = await self._images.packed([image.id for image in images])
            new = [image for image, old in zip(images, on_record, strict=True) if image.settle(old)]
            await self._announce([image.packed for image in new])
            await self._write(images)

    async def targets(self, sha256: str) -> list[tuple[Target, float]]:
        """Where the image was served, and when last (Unix seconds), oldest first."""
        found = {}
        async for page in self._images.targets([image_id(sha256)]):
            found.update({seen.target: seen.seen_at for seen in self._seen(page)})
        return sorted(found.items(), key=lambda each: each[1])

    async def images(self) -> AsyncIterator[Fingerprint]:
        """Every image on record, some of them twice."""
        async for batch in self.packed():
            for packed in batch:
                yield unpack_fingerprint(packed)

    def packed(self) -> AsyncIterator[list[bytes]]:
        """Every image on record as a packed fingerprint, in batches, some of them twice."""
        return self._images.all_packed()

    async def images_of(self, ids: Sequence[str]) -> list[Fingerprint]:
        """The images with these SHA-256, or first halves of them, without those that have expired."""
        found = []
        for some in batched(ids, READ_AT_ONCE):
            found += [each for each in await self._images.packed([image_id(one) for one in some]) if each]
        return [unpack_fingerprint(packed) for packed in found]

    async def newest(self) -> str:
        """The place of the latest image in the stream, to go on from with `new_images`."""
        return await self._arrivals.newest()

    async def new_images(self, after: str, limit: int = READ_AT_ONCE) -> tuple[list[bytes], str]:
        """Packed fingerprints of images first seen, or seen with other signals, after a place; the place reached.

        Raises:
            PlaceLost: the place was trimmed from the stream, or the store lost its data.
        """
        return await self._arrivals.since(after, limit)

    async def find(self, url: str | None = None, sha256: str | None = None, limit: int = 100) -> list[Seen]:
        """Sightings of a URL, of an image, of both, or (neither) of the images that came last; newest first."""
        if url is None:
            images = [image_id(sha256)] if sha256 else await self._latest(limit)
            return await self._newest(images, lambda _: True, "", limit)
        asked = target_of(url)
        images = [image_id(sha256)] if sha256 else await self._addresses.images(spelling_of(asked))
        return await self._newest(images, lambda target: target.url == url, asked.host, limit)

    async def spelled(self, url: str, limit: int = 10_000) -> list[Seen]:
        """Sightings of a URL under every spelling, scheme and variant; newest first.

        A URL without a query stands for its path with every query string.
        """
        asked = target_of(url)
        spelling = spelling_of(asked)
        images = await self._addresses.images(spelling)
        return await self._newest(images, lambda target: spelling.covers(spelling_of(target)), asked.host, limit)

    async def under(self, prefix: str) -> AsyncIterator[list[Seen]]:
        """Sightings whose address begins with a host and path prefix, in any spelling. It reads all images."""
        asked = target_of(prefix)
        host, path = bare_host(asked.host), flat(asked)

        def below(target: Target) -> bool:
            return bare_host(target.host) == host and flat(target).startswith(path)

        async for page in self._images.all_targets():
            if found := list(self._seen(page, below, _hint(host))):
                yield found

    async def _announce(self, images: Sequence[bytes]) -> None:
        """Announce packed fingerprints, each once where it is kept and seen at the same time."""
        async with self._announcing:
            new = [packed for packed in images if packed[GENERATION.stop :] not in self._announced]
            await self._arrivals.announce(new)
            for packed in new:
                self._announced.add(packed[GENERATION.stop :])

    async def _write(self, images: Sequence[Draft]) -> None:
        """Write drafts, and forget what is too much where one has grown."""
        untidy: list[str] = []
        async with self.store.pipeline() as pipe:
            for image in images:
                self._images.queue_fingerprint(pipe, image.id, image.packed, image.replaces)
                self._images.queue_targets(pipe, image.id, image.targets)
            for image in images:
                for spelling, at in image.spellings.items():
                    untidy += self._addresses.queue(pipe, spelling, image.id, at)
            try:
                answers = await pipe.execute()
            except BaseException:
                self._addresses.lost()
                raise
        dropped = await self._addresses.tidy(untidy)
        for image, added, length in zip(images, answers[2::4], answers[3::4], strict=False):
            if wants_pruning(added, length):
                dropped += await self._images.prune(image.id)
        metrics.sightings_dropped.inc(dropped)

    async def _latest(self, limit: int) -> list[bytes]:
        return list(dict.fromkeys(image_id(packed) for packed in await self._arrivals.latest(limit)))

    async def _newest(
        self, images: Sequence[bytes], wanted: Callable[[Target], bool], host: str, limit: int
    ) -> list[Seen]:
        """The latest `limit` sightings of images that are `wanted`, newest first; `host` is what all of them have."""
        found: dict[tuple[Target, str], Seen] = {}
        hint = _hint(bare_host(host))
        async for page in self._images.targets(images):
            found.update({(seen.target, seen.sha256): seen for seen in self._seen(page, wanted, hint)})
        return heapq.nlargest(limit, found.values(), key=lambda seen: seen.seen_at)

    def _seen(self, page: Page, wanted: Callable[[Target], bool] = lambda _: True, hint: bytes = b"") -> Iterator[Seen]:
        """The sightings of a page that are not too old. `hint`: bytes that every packed target that is wanted holds."""
        packed, targets = page
        sha256, oldest = packed[SHA256].hex(), self._images.oldest
        for field, at in targets.items():
            if field and hint in field.lower() and int(at) >= oldest:
                target = unpack_target(field)
                if wanted(target):
                    yield Seen(target, sha256, float(at))

    def _alias(self, key: str) -> str:
        """Where the SHA-256 of an image is kept under the key of its coded body."""
        sha256, _, codings = key.split(",", 2)
        return self.store.key(f"{{{name_of(image_id(sha256))}}}", "coded", codings)


def _hint(host: str) -> bytes:
    return host.encode() if host.isascii() else b""

"""What was served where: image -> targets, URL -> images, and a stream of images seen for the first time.

Each key expires `keep_days` after its last sighting, so the store's memory is limited by what is still being served.
An image is announced in the stream before its targets are written. A reader that follows the stream and then reads the
targets misses none that was written by then.
"""

import heapq
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from edgeward import metrics
from edgeward.background.readable_records import readable
from edgeward.hashing.fingerprint_generation import suffices
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.codec import SHA256, generation_of, image_id, unpack_fingerprint, unpack_target
from edgeward.sightings.coded_bodies import CodedBodies
from edgeward.sightings.forgotten import ForgottenTargets, prefix_of
from edgeward.sightings.images_and_targets import Images
from edgeward.sightings.last_seen import last_seen
from edgeward.sightings.new_image_stream import NewImageStream, PositionLost
from edgeward.sightings.pruning import Pruning
from edgeward.sightings.store_memory import StoreMemory
from edgeward.sightings.url_index import UrlIndex
from edgeward.sightings.url_normalization import decoded_url, normalized, normalized_host, target_of
from edgeward.sightings.writer import SightingWriter
from edgeward.store.connection import Store
from edgeward.types import TRANSIENT_FLAWS, Fingerprint, Sighting, Target, distinct_targets

__all__ = ["PositionLost", "SightingRecord", "Sightings"]

IMAGES_PER_READ = 1000
CODED_BYTES = 300
"""About what a coded body takes in the store."""

type TargetPage = tuple[bytes, Mapping[bytes, bytes]]
"""A packed fingerprint, and some of the image's packed targets, each with the Unix second when it was last seen."""


@dataclass(frozen=True, slots=True)
class SightingRecord:
    """A target that served the image with this SHA-256, last at `seen_at` (whole Unix seconds)."""

    target: Target
    sha256: str
    seen_at: float


class Sightings:
    """Sightings and fingerprints in the store.

    Attributes:
        forgotten: targets whose sightings were dropped or lost.
        memory: what the store's memory leaves for sightings.
        pruning: what forgets targets when they are too many.
    """

    def __init__(self, store: Store, settings: SightingsSettings) -> None:
        self.store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._keep = settings.keep_days * 86400
        self._images = Images(store, self._keep)
        self._url_index = UrlIndex(store, self._keep)
        self._coded_bodies = CodedBodies(store, self._keep)
        self._new_images = NewImageStream(store)
        self.forgotten = ForgottenTargets(store, self._keep, settings.refresh_seconds)
        self.memory = StoreMemory(store, settings.max_bytes)
        self.pruning = Pruning(store, self._images, self._url_index, self.forgotten, self._coded_bodies)
        self._writer = SightingWriter(store, self._keep, self._images, self._url_index, self._new_images, self)

    async def fingerprint(self, key: str) -> Fingerprint | None:
        """The fingerprint stored under `key`: "SHA-256 of the raw body,generation[,content-codings]"."""
        sha256, generation, *codings = key.split(",")
        if codings:
            # The key has the digest of the coded body, while images are stored under that of the decoded one.
            decoded = await self._coded_bodies.find(sha256, ",".join(codings))
            if decoded is None:
                return None
            sha256 = decoded
        (packed,) = await self._images.packed([image_id(sha256)])
        if packed is None or not suffices(generation_of(packed), generation):
            return None
        try:
            found = unpack_fingerprint(packed)
        except ValueError:
            # It is hashed anew.
            metrics.unreadable_records.labels("fingerprint").inc()
            return None
        # Images are stored under half of their SHA-256: another one may share it.
        return found if found.sha256 == sha256 else None

    async def store_fingerprint(self, key: str, fingerprint: Fingerprint) -> None:
        """Store a fingerprint for `keep_days`, unless it has a transient flaw, or the store has no room for more. For
        `key` see `fingerprint`."""
        if fingerprint.flaw in TRANSIENT_FLAWS:
            return
        body, generation, *codings = key.split(",")
        stored = await self._writer.write_fingerprint(fingerprint, generation)
        # Of an image on record too: each time it is coded anew it takes more.
        if codings and stored and await self.memory.has_room(CODED_BYTES):
            await self._coded_bodies.add(body, ",".join(codings), fingerprint.sha256)

    async def write(self, batch: Sequence[Sighting]) -> None:
        """Record sightings: known ones are refreshed, and an image seen for the first time is announced.

        If the store has no room for more, targets that are not on record yet are remembered as forgotten.
        """
        await self._writer.write(batch)

    def forget_written(self) -> None:
        """The store has lost what was written: images are announced again, and each bucket's expiry is set again."""
        self._writer.forget_written()

    async def targets(self, sha256: str) -> list[tuple[Target, float]]:
        """The targets that served the image, each with when it did last (Unix seconds), oldest first."""
        found: dict[Target, float] = {}
        sizes: list[Target] = []
        async for page in self._images.targets([image_id(sha256)]):
            for record in self._records(page):
                found[record.target] = max(record.seen_at, found.get(record.target, 0.0))
                sizes.append(record.target)
        return sorted(((target, found[target]) for target in distinct_targets(sizes)), key=lambda each: each[1])

    async def images(self) -> AsyncIterator[Fingerprint]:
        """Every image on record; some may come twice."""
        async for batch in self.packed():
            for fingerprint in readable("fingerprint", batch, unpack_fingerprint):
                yield fingerprint

    def packed(self) -> AsyncIterator[list[bytes]]:
        """Every image on record as a packed fingerprint, in batches; some may come twice."""
        return self._images.all_packed()

    async def images_by_id(self, ids: Sequence[str]) -> list[Fingerprint]:
        """The images with these SHA-256 (hex), or first halves of them. Those not on record are left out."""
        found = []
        for chunk in batched(ids, IMAGES_PER_READ):
            found += await self.packed_by_id(chunk)
        return readable("fingerprint", found, unpack_fingerprint)

    async def packed_by_id(self, ids: Sequence[str]) -> list[bytes]:
        """The same as packed fingerprints."""
        return [packed for packed in await self._images.packed([image_id(each) for each in ids]) if packed]

    async def seen_since(self, ids: Sequence[str], at: float) -> int:
        """How many of the images with these SHA-256 (hex), or first halves of them, were seen at or after `at`, Unix
        seconds."""
        seen: set[bytes] = set()
        async for packed, targets in self._images.targets([image_id(each) for each in ids]):
            if any(last_seen(stored) >= at for field, stored in targets.items() if field):
                seen.add(image_id(packed))
        return len(seen)

    async def newest(self) -> str:
        """The position of the latest image in the stream, from which `new_images` can continue."""
        return await self._new_images.newest()

    async def new_images(self, after: str, limit: int = IMAGES_PER_READ) -> tuple[list[bytes], str]:
        """Packed fingerprints of images announced after a position, and the position reached.

        An image is announced when it is first seen, and again when it is seen with other signals.

        Raises:
            PositionLost: the position was trimmed from the stream, or the store lost its data.
        """
        return await self._new_images.since(after, limit)

    async def find(self, url: str | None = None, sha256: str | None = None, limit: int = 100) -> list[SightingRecord]:
        """Sightings of a URL, of an image, of both, or (neither given) of the `limit` images first seen last.

        The newest come first. An older image that was seen again is not among the last: to find it, every image would
        have to be read.
        """
        if url is None:
            images = [image_id(sha256)] if sha256 else await self._latest(limit)
            return await self._newest(images, lambda _: True, "", limit)
        asked = target_of(url)
        images = [image_id(sha256)] if sha256 else await self._url_index.images(normalized(asked))
        return await self._newest(images, lambda target: target.url == url, asked.host, limit)

    async def find_equivalent(self, url: str, limit: int = 10_000) -> list[SightingRecord]:
        """Sightings of all URLs that are equivalent to this one, in any scheme and variant; newest first.

        A URL without a query stands for its path with any query.
        """
        asked = target_of(url)
        wanted = normalized(asked)
        images = await self._url_index.images(wanted)
        return await self._newest(images, lambda target: wanted.includes(normalized(target)), asked.host, limit)

    async def forgotten_of_urls(self, urls: Sequence[Target]) -> dict[Target, int]:
        """The prefixes to purge so that what `find_equivalent` misses of these URLs goes too, each with the number of
        targets that were forgotten there, of these URLs or of others."""
        found = await self.forgotten.of_urls(urls)
        for url in urls:
            if dropped := await self._url_index.dropped(normalized(url)):
                found[prefix_of(url)] = found.get(prefix_of(url), 0) + dropped
        return found

    async def find_below(self, prefix: str) -> AsyncIterator[list[SightingRecord]]:
        """Sightings whose URL, in any form, begins with this host and path prefix. Reads every image."""
        asked = target_of(prefix)
        host, path = normalized_host(asked.host), decoded_url(asked)

        def is_below(target: Target) -> bool:
            return normalized_host(target.host) == host and decoded_url(target).startswith(path)

        async for page in self._images.all_targets():
            if found := list(self._records(page, is_below, _ascii_bytes(host))):
                yield found

    async def _latest(self, limit: int) -> list[bytes]:
        return list(dict.fromkeys(image_id(packed) for packed in await self._new_images.latest(limit)))

    async def _newest(
        self, images: Sequence[bytes], wanted: Callable[[Target], bool], host: str, limit: int
    ) -> list[SightingRecord]:
        """The latest `limit` records of images whose target is `wanted`, newest first. All of them have this `host`."""
        found: dict[tuple[Target, str], SightingRecord] = {}
        contains = _ascii_bytes(normalized_host(host))
        async for page in self._images.targets(images):
            found.update({(record.target, record.sha256): record for record in self._records(page, wanted, contains)})
        return heapq.nlargest(limit, found.values(), key=lambda record: record.seen_at)

    def _records(
        self, page: TargetPage, wanted: Callable[[Target], bool] = lambda _: True, contains: bytes = b""
    ) -> Iterator[SightingRecord]:
        """The records of a page that are not too old and whose target is `wanted`.

        `contains`: lower-case bytes that each wanted target contains when packed, so that others need no unpacking.
        """
        packed, targets = page
        sha256, oldest = packed[SHA256].hex(), self._images.oldest
        for field, stored in targets.items():
            # The empty field holds the fingerprint.
            if field and contains in field.lower() and last_seen(stored) >= oldest:
                yield from (
                    SightingRecord(target, sha256, float(last_seen(stored)))
                    for target in readable("target", [field], unpack_target)
                    if wanted(target)
                )


def _ascii_bytes(host: str) -> bytes:
    """The host as bytes; nothing for one beyond ASCII, whose case `bytes.lower` would not change."""
    return host.encode() if host.isascii() else b""

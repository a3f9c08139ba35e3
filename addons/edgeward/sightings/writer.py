"""Writes sightings and fingerprints to the store."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import batched
from typing import Protocol

from edgeward import metrics
from edgeward.background.ttl_set import TtlSet
from edgeward.sightings.codec import GENERATION, image_id, pack_fingerprint, same_fingerprint
from edgeward.sightings.forgotten import ForgottenTargets, host_of
from edgeward.sightings.images_and_targets import Images, wants_pruning
from edgeward.sightings.new_image_stream import NewImageStream
from edgeward.sightings.pending_writes import PendingWrite, pending_writes
from edgeward.sightings.pruning import Pruning
from edgeward.sightings.store_memory import StoreMemory
from edgeward.sightings.url_index import UrlIndex
from edgeward.store.connection import Store
from edgeward.types import Fingerprint, Sighting, Target

SIGHTINGS_PER_WRITE = 200
ANNOUNCED_SECONDS = 5.0
"""One process announces an image only once in this time."""
MAX_ANNOUNCED = 10_000
"""Announced images that are remembered for that."""
STREAM_SHARE = 0.125
"""Of the memory for sightings, that the stream of new images may take."""

type OnRecord = tuple[bytes | None, dict[bytes, bytes]]
"""An image's packed fingerprint, and those of a batch's targets that are on record, each with its value."""


class Bounds(Protocol):
    """What keeps sightings within bounds: `Sightings` has these."""

    forgotten: ForgottenTargets
    memory: StoreMemory
    pruning: Pruning


class SightingWriter:
    """Writes for `Sightings`.

    Args:
        keep: seconds that a sighting is kept.
    """

    def __init__(
        self,
        store: Store,
        keep: float,
        images: Images,
        url_index: UrlIndex,
        new_images: NewImageStream,
        bounds: Bounds,
    ) -> None:
        self._store, self._keep, self._of_local = store, keep, store.clock.of_local
        self._images, self._url_index, self._new_images = images, url_index, new_images
        self._forgotten, self._memory, self._pruning = bounds.forgotten, bounds.memory, bounds.pruning
        self._announcing = asyncio.Lock()
        self._announced = TtlSet(ANNOUNCED_SECONDS, MAX_ANNOUNCED)

    async def write(self, batch: Sequence[Sighting]) -> None:
        """See Sightings.write."""
        for chunk in batched(batch, SIGHTINGS_PER_WRITE):
            # They have the time of this machine, which is perhaps wrong.
            images = pending_writes(replace(each, seen_at=self._of_local(each.seen_at)) for each in chunk)
            on_record = await self._images.on_record([(image.id, list(image.targets)) for image in images])
            if not await self._memory.has_room(_size(images, on_record)):
                images, on_record = await self._leave_out_new(images, on_record)
            new: list[PendingWrite] = []
            for image, (packed, targets) in zip(images, on_record, strict=True):
                image.count_repeats(targets)
                if image.compare_with(packed):
                    new.append(image)
            # Before the targets: a writer that dies in between leaves an announced image without targets, never the
            # reverse, which a follower of the stream would miss.
            await self._announce([image.packed for image in new])
            await self._write(images)

    async def write_fingerprint(self, fingerprint: Fingerprint, generation: str) -> bool:
        """Store a fingerprint. False: it is not on record, and there is no room."""
        packed = pack_fingerprint(fingerprint, generation)
        image = image_id(packed)
        (old,) = await self._images.packed([image])
        if old is None and not await self._memory.has_room(len(packed)):
            return False
        if old is None or not same_fingerprint(old, packed):
            await self._announce([packed])
        async with self._store.pipeline() as pipe:
            self._images.queue_fingerprint(pipe, image, packed)
            await pipe.execute()
        return True

    def forget_written(self) -> None:
        """See Sightings.forget_written."""
        self._announced.clear()
        self._url_index.forget_renewals()

    async def _leave_out_new(
        self, images: Sequence[PendingWrite], on_record: Sequence[OnRecord]
    ) -> tuple[list[PendingWrite], list[OnRecord]]:
        """Remember as forgotten what is not on record. Returns the images that are, with their known targets."""
        kept: list[tuple[PendingWrite, OnRecord]] = []
        for image, (packed, targets) in zip(images, on_record, strict=True):
            left_out = image.leave_out(targets)
            if packed is not None:
                await self._forgotten.remember_of_image(image.id, left_out)
            else:
                await self._forgotten.remember_lost(_by_host(left_out))
            metrics.sightings_dropped.inc(len(left_out))
            if image.targets:
                kept.append((image, (packed, targets)))
        return [image for image, _ in kept], [record for _, record in kept]

    async def _announce(self, images: Sequence[bytes]) -> None:
        """Announce packed fingerprints, each once if it is stored and seen at the same time."""
        # This holds per process only: two processes may both announce an image, which does no harm. Fingerprints are
        # compared without their generation, which changes nothing for a follower.
        async with self._announcing:
            new = [packed for packed in images if packed[GENERATION.stop :] not in self._announced]
            await self._new_images.append(new, int(self._memory.limit * STREAM_SHARE))
            for packed in new:
                self._announced.add(packed[GENERATION.stop :])

    async def _write(self, images: Sequence[PendingWrite]) -> None:
        """Write images with their targets and URLs, and prune what has grown too large."""
        buckets_to_prune: list[str] = []
        async with self._store.pipeline() as pipe:
            for image in images:
                self._images.queue_fingerprint(pipe, image.id, image.packed, image.replaces)
                self._images.queue_targets(pipe, image.id, image.targets)
            for image in images:
                for url, at in image.urls.items():
                    buckets_to_prune += self._url_index.queue(pipe, url, image.id, at)
            try:
                answers = await pipe.execute()
            except BaseException:
                self._url_index.forget_renewals()
                raise
        metrics.sightings_dropped.inc(await self._url_index.prune(buckets_to_prune))
        # Each image has queued four commands; the answers of the last two are fields added, and fields then.
        for image, added, length in zip(images, answers[2::4], answers[3::4], strict=False):
            if wants_pruning(added, length):
                await self._pruning.prune_image(image.id)


def _size(images: Sequence[PendingWrite], on_record: Sequence[OnRecord]) -> int:
    """Bytes of what is not on record yet."""
    return sum(
        len(packed)
        for image, (_, targets) in zip(images, on_record, strict=True)
        for packed in image.targets
        if packed not in targets
    )


def _by_host(targets: Sequence[Target]) -> dict[Target, int]:
    hosts: dict[Target, int] = {}
    for target in targets:
        hosts[host_of(target)] = hosts.get(host_of(target), 0) + 1
    return hosts

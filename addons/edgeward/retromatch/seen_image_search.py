"""The search over all images seen: an in-memory index of them that follows the sightings in the store.

Longer searches run in a thread, so that purging and the API are not delayed.
"""

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from itertools import batched

from edgeward import metrics
from edgeward.errors import StoreUnavailable
from edgeward.hashing.composite import with_composites
from edgeward.matching.matcher import is_near
from edgeward.retromatch.search_scope import Search, indexed_search, search_groups
from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.sightings.sightings import PositionLost, Sightings
from edgeward.store.connection import STORE_AWAY
from edgeward.types import ALWAYS_MATCHED, COMPOSITE_TYPE, MIN_PDQ_QUALITY, Fingerprint, Signal

logger = logging.getLogger(__name__)

IMAGES_PER_READ = 250
REBUILD_SECONDS = 86400.0
"""How often the index is rebuilt, to forget images that have expired in the store."""
REBUILD_RETRY_SECONDS = 600.0
"""After a rebuild that failed the next one begins no sooner."""
MAX_COMPARISONS_ON_LOOP = 500
"""A search of up to this many comparisons (about 10 microseconds) runs on the event loop, a longer one in a thread."""


async def search_index(index: SeenImageIndex, searches: Sequence[Search]) -> list[set[str]]:
    """For each search the ids of the images in an index that may match it."""
    searches = [indexed_search(search) for search in searches]
    near: list[set[str]] = [set() for _ in searches]

    def search_group(numbers: Sequence[int]) -> None:
        _, radius, views = searches[numbers[0]]
        signals = [searches[number].signal for number in numbers]
        for position, image in index.near_each(signals, radius, views):
            near[numbers[position]].add(image)

    for numbers in search_groups(dict(enumerate(searches))):
        signal, _, views = searches[numbers[0]]
        if index.comparisons(signal, views) * len(numbers) <= MAX_COMPARISONS_ON_LOOP:
            search_group(numbers)
        else:
            await asyncio.to_thread(search_group, numbers)
    return near


class SeenImageSearch:
    """The images that were seen. Only one task may call `refresh`; any may search."""

    def __init__(self, sightings: Sightings, min_quality: int = MIN_PDQ_QUALITY) -> None:
        self._sightings, self._min_quality = sightings, min_quality
        self._index = SeenImageIndex()
        # The position in the stream of new images that the index has reached; "" before it is built.
        self._position = ""
        self._built_at = 0.0
        self._rebuild_began = -math.inf
        self._updating = asyncio.Lock()
        self._rebuilding: asyncio.Task[None] | None = None

    async def count(self) -> int:
        """Number of images in the index."""
        return await asyncio.to_thread(self._index.distinct)

    @property
    def ready(self) -> bool:
        """Whether the index holds every image seen."""
        return bool(self._position)

    async def refresh(self) -> None:
        """Bring the index up to date. At first, and if its position in the stream is lost, this reads every image."""
        while True:
            if not self._position:
                await self._build()
            elif self._must_be_rebuilt():
                self._rebuild_began = time.monotonic()
                self._rebuilding = asyncio.create_task(self._rebuild(), name="rebuild of the index of seen images")
            try:
                await self._catch_up()
                break
            except PositionLost:
                logger.warning("retromatch: lost the position in the stream of new images; loading all images again")
        metrics.retro_images.set(len(self._index))

    async def close(self) -> None:
        if self._rebuilding:
            self._rebuilding.cancel()
            await asyncio.gather(self._rebuilding, return_exceptions=True)

    async def near(self, signal: Signal, radius: int) -> list[Fingerprint]:
        """Every image on record with a signal within `radius` bits of this one (for a digest: with the same one).

        Only signals of views that match on every list count.

        Raises:
            StoreUnavailable: the index is still being built.
        """
        (ids,) = await self.near_each_seen([Search(signal, radius)])
        images = await self._sightings.images_by_id(sorted(ids))
        return [image for image in images if self._has_near(image, signal, radius)]

    async def near_each_seen(self, searches: Sequence[Search]) -> list[set[str]]:
        """The same as `near_each`, among all images that are on record by now.

        Raises:
            StoreUnavailable: the index is still being built.
        """
        if not self.ready:
            raise StoreUnavailable("the seen images are still being loaded: try again")
        try:
            await self._catch_up()
        except PositionLost:
            raise StoreUnavailable("the seen images are being loaded again: try again") from None
        return await self.near_each(searches)

    async def near_each(self, searches: Sequence[Search]) -> list[set[str]]:
        """For each search the ids of the images that may match it.

        Some may have expired meanwhile, or turn out not to match when their whole fingerprint is compared.
        """
        return await search_index(self._index, searches)

    async def sample(self, count: int) -> SeenImageIndex:
        """An index of `count` of the images in the index, chosen at random; of all, if there are no more."""
        sample = SeenImageIndex()
        ids = await asyncio.to_thread(self._index.sample_ids, count)
        for some in batched(ids, IMAGES_PER_READ):
            sample.add(await self._sightings.packed_by_id(some))
        return sample

    async def sample_ids(self, count: int) -> list[str]:
        """The ids of `count` of the images in the index, chosen at random; of all, if there are no more."""
        return await asyncio.to_thread(self._index.sample_ids, count)

    @property
    def index(self) -> SeenImageIndex:
        """The index as it is now. It can be searched in threads; a rebuild takes another one into its place."""
        return self._index

    def _must_be_rebuilt(self) -> bool:
        now = time.monotonic()
        is_due = now - self._built_at > REBUILD_SECONDS and now - self._rebuild_began > REBUILD_RETRY_SECONDS
        return is_due and self._rebuilding is None

    async def _build(self) -> None:
        began = time.monotonic()
        # The position is taken before reading: images that are announced meanwhile are then read twice, never missed.
        position, index = await self._sightings.newest(), SeenImageIndex()
        async for batch in self._sightings.packed():
            index.add(batch)
        async with self._updating:
            self._index, self._position, self._built_at = index, position, time.monotonic()
        logger.info("retromatch: loaded %d images seen before, in %.1f s", len(index), self._built_at - began)

    async def _rebuild(self) -> None:
        try:
            await self._build()
        except STORE_AWAY as error:
            logger.warning("retromatch: the index of seen images can't be rebuilt now: %s", type(error).__name__)
        except Exception:
            # The old index can still be searched. A defect is counted.
            metrics.gate_errors.labels("retromatch").inc()
            logger.exception("retromatch: defect in the rebuild of the index of seen images")
        finally:
            self._rebuilding = None

    async def _catch_up(self) -> None:
        """Add the images that were announced since the position, to the end of the stream. Raises PositionLost."""
        async with self._updating:
            while True:
                try:
                    images, position = await self._sightings.new_images(self._position)
                except PositionLost:
                    self._position = ""
                    raise
                if position == self._position:
                    return
                self._index.add(images)
                self._position = position

    def _has_near(self, image: Fingerprint, signal: Signal, radius: int) -> bool:
        if signal.type == "sha256" and image.sha256 == signal.value:
            return True
        signals = with_composites(image.signals) if signal.type == COMPOSITE_TYPE else image.signals
        always_matched = (each for each in signals if each.view in ALWAYS_MATCHED)
        return any(is_near(each, signal, radius, self._min_quality) for each in always_matched)

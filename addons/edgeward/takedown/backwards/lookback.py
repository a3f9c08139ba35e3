"""The search over all images seen: an index of them in memory that keeps up with the store.

Searches that take longer than a moment run in a thread, so that purging and the API go on meanwhile.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from edgeward import metrics
from edgeward.errors import StoreUnavailable
from edgeward.hashing.joint import joined
from edgeward.matching.matcher import is_near
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.backwards.index import SeenImages
from edgeward.takedown.backwards.suspects import Search, grouped, in_parts
from edgeward.takedown.seen.sightings import PlaceLost, Sightings
from edgeward.types import ALWAYS, JOINT, MIN_PDQ_QUALITY, Fingerprint, Signal

logger = logging.getLogger(__name__)

REBUILD_SECONDS = 86400.0
"""How often the index is built anew, to forget images that have expired."""
AT_ONCE = 500
"""Values that a search may compare on the event loop: some 10 microseconds. More are left to a thread."""


class Lookback:
    """The images that were seen. One task calls `refresh`; any may search."""

    def __init__(self, sightings: Sightings, min_quality: int = MIN_PDQ_QUALITY) -> None:
        self._sightings, self._min_quality = sightings, min_quality
        self._seen = SeenImages()
        self._place = ""
        self._built = 0.0
        self._keeping_up = asyncio.Lock()
        self._rebuilding: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether every image seen is in the index."""
        return bool(self._place)

    async def refresh(self) -> None:
        """Take in all that was seen by now: at first, and after the place was lost, by reading every image."""
        while True:
            if not self._place:
                await self._build()
            elif time.monotonic() - self._built > REBUILD_SECONDS and self._rebuilding is None:
                self._rebuilding = asyncio.create_task(self._rebuild(), name="lookback rebuild")
            try:
                await self._catch_up()
                break
            except PlaceLost:
                logger.warning("retro: the place among the sightings is lost, reading them all again")
        metrics.retro_images.set(len(self._seen))

    async def close(self) -> None:
        if self._rebuilding:
            self._rebuilding.cancel()
            await asyncio.gather(self._rebuilding, return_exceptions=True)

    async def near(self, signal: Signal, radius: int) -> list[Fingerprint]:
        """Every image on record with a signal that lies within `radius` bits of this one, or is the same digest.

        Views that only some lists ask for do not count.

        Raises:
            StoreUnavailable: the images seen are still being read.
        """
        if not self.ready:
            raise StoreUnavailable("the images seen are still being read: ask again")
        try:
            await self._catch_up()
        except PlaceLost:
            raise StoreUnavailable("the images seen are being read anew: ask again") from None
        (found,) = await self.near_each([Search(signal, radius)])
        images = await self._sightings.images_of(sorted(found))
        return [image for image in images if self._is_it(image, signal, radius)]

    async def near_each(self, searches: Sequence[Search]) -> list[set[str]]:
        """For each search the ids of the images near it: some may be gone meanwhile, or no match when looked at."""
        searches = [in_parts(each) for each in searches]
        found: list[set[str]] = [set() for _ in searches]
        for numbers in grouped(dict(enumerate(searches))):
            first = searches[numbers[0]]
            if self._seen.work(first.signal, first.views) * len(numbers) <= AT_ONCE:
                self._search(numbers, searches, found)
            else:
                await asyncio.to_thread(self._search, numbers, searches, found)
        return found

    def _search(self, numbers: Sequence[int], searches: Sequence[Search], found: Sequence[set[str]]) -> None:
        _, radius, views = searches[numbers[0]]
        for place, image in self._seen.near_each([searches[number].signal for number in numbers], radius, views):
            found[numbers[place]].add(image)

    async def _build(self) -> None:
        """Read every image. The place is taken first: what comes meanwhile is read again after it."""
        began = time.monotonic()
        place, seen = await self._sightings.newest(), SeenImages()
        async for batch in self._sightings.packed():
            seen.add(batch)
        async with self._keeping_up:
            self._seen, self._place, self._built = seen, place, time.monotonic()
        logger.info("retro: %d images read in %.1f s", len(seen), self._built - began)

    async def _rebuild(self) -> None:
        try:
            await self._build()
        except STORE_AWAY as error:
            logger.warning("retro: the images can't be read anew now: %s", type(error).__name__)
        finally:
            self._rebuilding = None

    async def _catch_up(self) -> None:
        """Read the images that were announced since, to the end of their stream. PlaceLost: read all again."""
        async with self._keeping_up:
            while True:
                try:
                    images, place = await self._sightings.new_images(self._place)
                except PlaceLost:
                    self._place = ""
                    raise
                if place == self._place:
                    return
                self._seen.add(images)
                self._place = place

    def _is_it(self, image: Fingerprint, signal: Signal, radius: int) -> bool:
        own = signal.type == "sha256" and image.sha256 == signal.value
        signals = joined(image.signals) if signal.type == JOINT else image.signals
        always = (each for each in signals if each.view in ALWAYS)
        return own or any(is_near(each, signal, radius, self._min_quality) for each in always)

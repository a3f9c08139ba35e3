"""What a takedown covers: every known copy of a URL, of all below a path, or of an image."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from edgeward.hashing.signal_registry import default_radius
from edgeward.retromatch.worker import RetromatchWorker
from edgeward.sightings.sightings import Sightings
from edgeward.sightings.url_normalization import decoded_url, host_matches
from edgeward.types import Fingerprint, Signal, Target

MAX_TARGETS_PER_URL = 10_000
"""Targets of one URL that are looked up: more are not stored of one path."""
SCHEMES = ("http", "https")
READY_POLL_SECONDS = 0.1
"""Pause between two looks at whether images can be searched."""


class TakedownScope:
    """Looks up what is to be purged. Reads only."""

    def __init__(self, sightings: Sightings, retromatch: RetromatchWorker) -> None:
        self._sightings, self._retromatch = sightings, retromatch

    async def seen_targets(self, plain: Target) -> list[Target]:
        """Every seen target of the same resource: all equivalent URLs and variants, newest first."""
        seen = await self._sightings.find_equivalent(plain.url, MAX_TARGETS_PER_URL)
        return list(dict.fromkeys(each.target for each in seen))

    async def targets_of_url(self, plain: Target) -> list[Target]:
        """`seen_targets`, and the URL as given in both schemes: a cache may hold what Edgeward never saw."""
        both = (replace(plain, scheme=scheme) for scheme in SCHEMES)
        return list(dict.fromkeys([*await self.seen_targets(plain), *both]))

    async def similar_images(self, signal: Signal) -> list[Fingerprint]:
        """The images within the default radius of the signal. Waits until images can be searched."""
        while not self._retromatch.ready:
            await asyncio.sleep(READY_POLL_SECONDS)
        return await self._retromatch.near(signal, default_radius(signal.type))

    async def targets_of_image(self, sha256: str, hosts: Sequence[str] = ()) -> list[Target]:
        """Where the image was served: on one of `hosts`, or anywhere if there are none."""
        found = [target for target, _ in await self._sightings.targets(sha256)]
        return [target for target in found if not hosts or host_matches(target.host, hosts)]

    async def targets_below(self, prefixes: Sequence[Target]) -> AsyncIterator[list[Target]]:
        """Every target seen below one of these prefixes, in batches. It reads the sightings of every image.

        Args:
            prefixes: all of one host.
        """
        beginnings = tuple(map(decoded_url, prefixes))
        path = prefixes[0].path if len(prefixes) == 1 else "/"
        async for batch in self._sightings.find_below(prefixes[0].host + path):
            targets = dict.fromkeys(each.target for each in batch)
            yield [target for target in targets if decoded_url(target).startswith(beginnings)]

"""What a takedown covers: every known copy of a URL, of all below a path, or of an image."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from edgeward.hashing.signal_registry import default_radius
from edgeward.purging.orders import Orders
from edgeward.retromatch.forgotten_purges import ForgottenPurges
from edgeward.retromatch.worker import RetromatchWorker
from edgeward.sightings.sightings import Sightings
from edgeward.sightings.url_normalization import decoded_url, host_matches
from edgeward.types import Fingerprint, Signal, Target, distinct_targets

MAX_TARGETS_PER_URL = 100_000
"""Targets of one URL that are looked up, of all images that were seen there."""
SCHEMES = ("http", "https")
READY_POLL_SECONDS = 0.1
"""Pause between two looks at whether images can be searched."""


class TakedownScope:
    """Looks up what is to be purged. Reads only."""

    def __init__(self, sightings: Sightings, retromatch: RetromatchWorker) -> None:
        self._sightings, self._retromatch = sightings, retromatch
        self._forgotten = sightings.forgotten

    def purges(self, orders: Orders) -> ForgottenPurges:
        """What places orders that may stand for forgotten targets."""
        return ForgottenPurges(self._sightings.store, self._forgotten, orders)

    async def seen_targets(self, plain: Target) -> list[Target]:
        """Every seen target of the same resource: all equivalent URLs and variants, newest first."""
        seen = await self._sightings.find_equivalent(plain.url, MAX_TARGETS_PER_URL)
        return distinct_targets(each.target for each in seen)

    async def targets_of_url(self, plain: Target) -> tuple[list[Target], bool]:
        """`seen_targets`, and the URL as given in both schemes: a cache may hold what Edgeward never saw.

        Returns:
            The targets, and whether any was seen.
        """
        seen = await self.seen_targets(plain)
        both = (replace(plain, scheme=scheme) for scheme in SCHEMES)
        return distinct_targets([*seen, *both]), bool(seen)

    async def similar_images(self, signal: Signal) -> list[Fingerprint]:
        """The images within the default radius of the signal. Waits until images can be searched."""
        while not self._retromatch.ready:
            await asyncio.sleep(READY_POLL_SECONDS)
        return await self._retromatch.near(signal, default_radius(signal.type))

    async def targets_of_image(self, sha256: str, hosts: Sequence[str] = ()) -> dict[Target, float]:
        """Where the image was served, on one of `hosts`, or anywhere if there are none; and when last, Unix seconds."""
        found = await self._sightings.targets(sha256)
        return {target: seen_at for target, seen_at in found if not hosts or host_matches(target.host, hosts)}

    async def forgotten_of_image(self, sha256: str, hosts: Sequence[str] = ()) -> dict[Target, int]:
        """By prefix how many targets of the image were forgotten: on one of `hosts`, or anywhere if there are none."""
        return _at_hosts(await self._forgotten.of_image(sha256), hosts)

    async def lost(self, hosts: Sequence[str] = ()) -> dict[Target, int]:
        """By host how many targets were lost of which the image is not known."""
        return _at_hosts(await self._forgotten.lost(), hosts)

    async def forgotten_of_urls(self, urls: Sequence[Target]) -> dict[Target, int]:
        """See Sightings.forgotten_of_urls."""
        return await self._sightings.forgotten_of_urls(urls)

    async def forgotten_below(self, prefixes: Sequence[Target]) -> dict[Target, int]:
        """See ForgottenTargets.below."""
        return await self._forgotten.below(prefixes)

    async def targets_below(self, prefixes: Sequence[Target]) -> AsyncIterator[list[Target]]:
        """Every target seen below one of these prefixes, in batches. It reads the sightings of every image.

        Args:
            prefixes: all of one host.
        """
        beginnings = tuple(map(decoded_url, prefixes))
        path = prefixes[0].path if len(prefixes) == 1 else "/"
        async for batch in self._sightings.find_below(prefixes[0].host + path):
            targets = distinct_targets(each.target for each in batch)
            yield [target for target in targets if decoded_url(target).startswith(beginnings)]


def _at_hosts(prefixes: Mapping[Target, int], hosts: Sequence[str]) -> dict[Target, int]:
    """Those at one of `hosts`, or at any; all if there are none."""
    return {
        each: count for each, count in prefixes.items() if not hosts or not each.host or host_matches(each.host, hosts)
    }

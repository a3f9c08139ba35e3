"""What a takedown reaches: every copy that is known of a URL, of a path and all below it, of an image."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from edgeward.hashing.registry import default_radius
from edgeward.takedown.backwards.retro import Retro
from edgeward.takedown.seen.sightings import Sightings
from edgeward.takedown.seen.spelling import bare_host, flat
from edgeward.types import Fingerprint, Signal, Target

SPELLINGS = 10_000
"""Targets of one URL that are looked up: so many are remembered of one path."""
SCHEMES = ("http", "https")
READY_SECONDS = 0.1
"""How often a search that is not ready yet is looked at."""


class Reach:
    """Looks up what is to be purged. Reads only."""

    def __init__(self, sightings: Sightings, retro: Retro) -> None:
        self._sightings, self._retro = sightings, retro

    async def spellings(self, plain: Target) -> list[Target]:
        """Every target seen that is the same resource, however it was spelled, in every variant; newest first."""
        seen = await self._sightings.spelled(plain.url, SPELLINGS)
        return list(dict.fromkeys(each.target for each in seen))

    async def url(self, plain: Target) -> list[Target]:
        """Its spellings, and the URL as it was given in both schemes: it may be cached and never have been seen."""
        both = (replace(plain, scheme=scheme) for scheme in SCHEMES)
        return list(dict.fromkeys([*await self.spellings(plain), *both]))

    async def images(self, signal: Signal) -> list[Fingerprint]:
        """The images within the default radius of the signal, once they can be searched."""
        while not self._retro.ready:
            await asyncio.sleep(READY_SECONDS)
        return await self._retro.near(signal, default_radius(signal.type))

    async def targets(self, sha256: str, hosts: Sequence[str] = ()) -> list[Target]:
        """Where the image was served: on one of `hosts`, or anywhere where there are none."""
        found = [target for target, _ in await self._sightings.targets(sha256)]
        return [target for target in found if not hosts or is_among(target.host, hosts)]

    async def below(self, prefixes: Sequence[Target]) -> AsyncIterator[list[Target]]:
        """Every target seen below one of these, which are all of one host, in batches. It reads all sightings."""
        beginnings = tuple(map(flat, prefixes))
        path = prefixes[0].path if len(prefixes) == 1 else "/"
        async for batch in self._sightings.under(prefixes[0].host + path):
            targets = dict.fromkeys(each.target for each in batch)
            yield [target for target in targets if flat(target).startswith(beginnings)]


def is_among(host: str, hosts: Sequence[str]) -> bool:
    """Whether a host is one of `hosts`: the port, the case and a dot at the end make no difference. "*" is all."""
    return "*" in hosts or bare_host(host) in map(bare_host, hosts)

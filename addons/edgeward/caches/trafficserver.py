"""Apache Traffic Server 9, with the files of deploy/trafficserver."""

import asyncio
from collections.abc import Sequence

from edgeward.caches.base import Abilities, Purged
from edgeward.caches.purge_method import CachedObject, PurgeMethodDriver, outcome
from edgeward.caches.self_hosted_driver import some_variant_headers
from edgeward.types import PurgeOrder

_WRITE_SECONDS = 0.05
"""Traffic Server is still writing an object when its last byte has been delivered: a purge in that time can miss it."""


class TrafficServer(PurgeMethodDriver):
    """PURGE, a pause, PURGE until nothing is left, and a probe.

    One PURGE removes a URL with all its variants, and waits for a fetch of that URL that is under way. `/p?` and `/p`
    are one object there.
    """

    name = "trafficserver"
    server_mark = "ats/"
    # head_bytes: proxy.config.http.request_line_max_size.
    abilities = Abilities(
        all_variants=True,
        counts=True,
        waits=True,
        verifies=True,
        repeat_seconds=_WRITE_SECONDS,
        batch=256,
        head_bytes=65535,
    )

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        objects = [CachedObject(order.target, some_variant_headers(order.target)) for order in orders]
        await self._purge_once(objects)
        # The first PURGE waits for fetches under way; the second removes what they were still writing.
        await asyncio.sleep(_WRITE_SECONDS)
        await self._purge_until_gone([each for each in objects if not each.problem])
        await self._verify(objects)
        return [outcome([each]) for each in objects]

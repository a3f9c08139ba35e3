"""Apache Traffic Server 9, with the files of deploy/trafficserver."""

import asyncio
from collections.abc import Sequence

from edgeward.takedown.caches.base import Abilities, Purged
from edgeward.takedown.caches.local import varying
from edgeward.takedown.caches.purge_method import Piece, PurgeMethodDriver, outcome
from edgeward.types import PurgeOrder

_WRITTEN_SECONDS = 0.05
"""What was just fetched is still being written when its last byte is out: until then a purge can miss it."""


class TrafficServer(PurgeMethodDriver):
    """PURGE, a pause, PURGE until nothing is left, and a probe. One purge takes a URL with all its variants, and
    waits for a fetch of that URL that is under way. `/p?` and `/p` are one object there."""

    name = "trafficserver"
    abilities = Abilities(
        all_variants=True, counts=True, waits=True, verifies=True, repeat_seconds=_WRITTEN_SECONDS, batch=256
    )

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        pieces = [Piece(order.target, varying(order.target)) for order in orders]
        await self._purge(pieces)
        await asyncio.sleep(_WRITTEN_SECONDS)
        await self._empty([piece for piece in pieces if not piece.trouble])
        await self._verify(pieces)
        return [outcome([piece]) for piece in pieces]

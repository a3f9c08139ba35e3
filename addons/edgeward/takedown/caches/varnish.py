"""Varnish: the lookup purge of deploy/varnish/edgeward.vcl, or the plain `return (purge)` of its documentation."""

import asyncio

from edgeward.takedown.caches.base import CONFIRM_SECONDS, CacheDriver, Purged, refused
from edgeward.types import Delivery, Target

_NOT_SENT = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "range")
)
"""Headers of the exchange itself: a response that claims to vary on them must not disturb ours."""


class Varnish(CacheDriver):
    """PURGE with the target's host, its path byte for byte, and the request headers that its response varies on.

    A purge removes all variants whichever headers it carries; with these it also waits for a fetch of this
    variant that is under way.
    """

    name = "varnish"

    async def _purge(self, target: Target) -> Purged:
        removed = await self._count(target)
        if isinstance(removed, Purged):
            return removed
        for pause in CONFIRM_SECONDS:
            left = await self._count(target)
            if isinstance(left, Purged):
                return left
            if left == 0:
                return Purged(Delivery.VERIFIED, 404, count=removed)
            # A purged object counts until the expiry thread has dropped it, some milliseconds at times.
            await asyncio.sleep(pause)
        return Purged(Delivery.DELIVERED, 200, "still there after many purges", removed)

    async def _count(self, target: Target) -> int | Purged:
        """Purge once: the number of objects, or the outcome where this Varnish does not tell it."""
        answer = await self._ask("PURGE", target, *_varying(target))
        counted = answer.headers.get("x-purged", "")
        if answer.status not in (200, 204, 404):
            return refused(answer)
        return int(counted) if counted.isdigit() else _uncounted(answer.status)


def _uncounted(status: int) -> Purged:
    """`return (purge)` answers 200 whether or not there was anything: it was accepted, no more is known."""
    if status == 404:
        return Purged(Delivery.REFUSED, status, "status 404, no X-Purged: this VCL knows no PURGE")
    return Purged(Delivery.DELIVERED, status, "the cache does not say what it removed")


def _varying(target: Target) -> list[tuple[str, str]]:
    return [(name, value) for name, value in target.vary if name not in _NOT_SENT and name != "edgeward-secret"]

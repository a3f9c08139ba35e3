"""nginx with ngx_http_cache_purge, through the purge listener of deploy/nginx/edgeward-cache.conf."""

from edgeward.takedown.caches.base import CONFIRM_SECONDS, CacheDriver, Purged, refused
from edgeward.takedown.caches.wire import Answer
from edgeward.types import Delivery, Target

_GONE = (404, 412)
"""Nothing stored there: 404 from Debian's module, 412 from the fork of nginx-modules."""


class Nginx(CacheDriver):
    """GET on the purge listener, once for each variant that the listener names in `Edgeward-Variants`.

    A listener that names none has one key per URL. nginx then keeps further files for a response with Vary, which
    no purge finds; and its 404 may come from anything that listens there. Such purges are delivered, not verified.
    """

    name = "nginx"

    async def _purge(self, target: Target) -> Purged:
        answer = await self._ask("GET", target)
        variants = answer.headers.get("edgeward-variants", "").split()
        total = int(answer.status == 200)
        if answer.status not in (200, *_GONE):
            return refused(answer)
        for variant in variants or [""]:
            answer, count = await self._empty(target, variant)
            total += count
            if answer.status not in _GONE:
                return _left(answer, total)
        if variants or (total and not target.vary):
            return Purged(Delivery.VERIFIED, answer.status, count=total)
        return Purged(Delivery.DELIVERED, answer.status, "the listener does not name its variants", total)

    async def _empty(self, target: Target, variant: str) -> tuple[Answer, int]:
        """Purge one variant until there is nothing left of it: (last answer, files that were removed)."""
        headers = [("Edgeward-Variant", variant)] if variant else []
        removed = 0
        while (answer := await self._ask("GET", target, *headers)).status == 200 and removed < len(CONFIRM_SECONDS):
            removed += 1
        return answer, removed


def _left(answer: Answer, total: int) -> Purged:
    if answer.status == 200:
        return Purged(Delivery.DELIVERED, 200, "stored again as fast as it is purged", total)
    return refused(answer)

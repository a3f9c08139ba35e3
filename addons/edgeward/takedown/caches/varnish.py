"""Varnish: the lookup purge of deploy/varnish/edgeward.vcl, or the plain `return (purge)` of its documentation.

By tag (edgeward-tags.vcl, vmod xkey) and by prefix (edgeward-bans.vcl) where its settings say that it has them.
"""

from collections.abc import Sequence

from edgeward.cache_settings import VarnishCache
from edgeward.takedown.caches.answers import Answer
from edgeward.takedown.caches.base import Abilities, Purged
from edgeward.takedown.caches.local import LocalDriver, confirmed, refused, varying
from edgeward.takedown.caches.wire import Request
from edgeward.types import Delivery, PurgeOrder, Target

_BANNED = "a ban is in force: no older copy is served; the memory is freed by and by"


class Varnish(LocalDriver):
    """PURGE with the target's host, its path byte for byte, and the request headers that its response varies on.

    A purge removes all variants whichever headers it carries; with these it also waits for a fetch of this
    variant that is under way.
    """

    name = "varnish"
    abilities = Abilities(all_variants=True, prefix=True, tag=True, counts=True, waits=True, verifies=True, batch=256)
    settings: VarnishCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._empty([_request("PURGE", order.target, varying(order.target)) for order in orders])

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        if not self.settings.tags:
            return await super()._tags(orders)
        anywhere = Target("http", "tags", "/")
        return await self._empty([_request("PURGETAG", anywhere, (("Edgeward-Tag", order.tag),)) for order in orders])

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        if not self.settings.bans:
            return await super()._prefixes(orders)
        answers = await self._ask([_request("BAN", order.target) for order in orders])
        return [answer if isinstance(answer, Purged) else _banned(answer) for answer in answers]

    async def _empty(self, requests: Sequence[Request]) -> list[Purged]:
        """Purge, and purge again what was there, until Varnish says of each that nothing is left."""
        first = await self._counts(requests)
        # A purged object counts until the expiry thread has dropped it, some milliseconds at times.
        last = await confirmed(first, _there, lambda left: self._counts([requests[number] for number in left]))
        return [_outcome(removed, left) for removed, left in zip(first, last, strict=True)]

    async def _counts(self, requests: Sequence[Request]) -> list[int | Purged]:
        """Purge once: of each the number of objects, or the outcome where there is no number."""
        answers = await self._ask(requests)
        return [answer if isinstance(answer, Purged) else _count(answer) for answer in answers]


def _request(method: str, target: Target, headers: Sequence[tuple[str, str]] = ()) -> Request:
    return Request(method, target.host, target.path, headers)


def _count(answer: Answer) -> int | Purged:
    counted = answer.headers.get("x-purged", "")
    if answer.status not in (200, 204, 404):
        return refused(answer)
    if counted.isdecimal():
        return int(counted)
    if answer.status == 404:
        return Purged(Delivery.REFUSED, 404, "status 404, no X-Purged: this VCL knows no such purge")
    # `return (purge)` answers 200 whether or not there was anything: it was accepted, no more is known.
    return Purged(Delivery.DELIVERED, answer.status, "the cache does not say what it removed")


def _there(count: int | Purged) -> bool:
    return isinstance(count, int) and count > 0


def _outcome(removed: int | Purged, left: int | Purged) -> Purged:
    if isinstance(left, Purged):
        return left
    count = removed if isinstance(removed, int) else 0
    if left:
        return Purged(Delivery.DELIVERED, 200, "still there after many purges", count)
    return Purged(Delivery.VERIFIED, 404, count=count)


def _banned(answer: Answer) -> Purged:
    # The mark tells our VCL from whatever else says 200 to a BAN.
    if answer.status != 200 or answer.headers.get("x-purged") != "ban":
        return refused(answer)
    return Purged(Delivery.DELIVERED, 200, _BANNED)

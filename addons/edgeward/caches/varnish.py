"""Varnish: the lookup purge of deploy/varnish/edgeward.vcl, or the plain `return (purge)` of its documentation
("Purging and banning" in the Varnish Users Guide).

By tag (edgeward-tags.vcl, vmod xkey) and by prefix (edgeward-bans.vcl) where the settings say that it has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeward.caches.base import NO_PREFIXES, STILL_CACHED, Abilities, Purged
from edgeward.caches.raw_http import RawHttpRequest
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.self_hosted_driver import (
    SelfHostedDriver,
    no_purge,
    refused,
    repeat_until_gone,
    some_variant_headers,
)
from edgeward.settings.cache_settings import VarnishCache
from edgeward.types import Delivery, PurgeOrder, Target

_ANY_TARGET = Target("http", "tags", "/")
"""A purge by tag must name a target, which the VCL ignores."""
_NO_BANS = replace(NO_PREFIXES, detail=f"{NO_PREFIXES.detail}; to purge by prefix, set bans = true (edgeward-bans.vcl)")


@dataclass(frozen=True, slots=True)
class _Removed:
    """What one purge removed.

    `marker`: its lookup found no copy but a marker, which Varnish keeps for a response that may not be stored
    (hit-for-miss, hit-for-pass). The first purge removes all copies; while clients ask for what is uncacheable now,
    such as a 451, each further purge finds their newest marker.
    """

    objects: int
    marker: bool = False

    @property
    def copies(self) -> int | None:
        """None: markers are among the objects, and maybe copies of other variants."""
        if not self.marker:
            return self.objects
        return 0 if self.objects <= 1 else None


_NOTHING = _Removed(0)
_NOT_VARNISH = "check that `url` is the address of a Varnish that includes edgeward.vcl"


class Varnish(SelfHostedDriver):
    """PURGE with the target's host, its path byte for byte, and the request headers that its response varies on.

    A purge removes all variants whichever headers it carries; with these it also waits for a fetch of this
    variant that is under way.
    """

    name = "varnish"
    # head_bytes: the parameter http_req_size.
    abilities = Abilities(
        all_variants=True, prefix=True, tag=True, counts=True, waits=True, verifies=True, batch=256, head_bytes=32768
    )
    settings: VarnishCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_until_gone(
            [_request("PURGE", order.target, some_variant_headers(order.target)) for order in orders]
        )

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_until_gone(
            [_request("PURGETAG", _ANY_TARGET, (("Edgeward-Tag", order.tag),)) for order in orders]
        )

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        if not self.settings.bans:
            return [_NO_BANS] * len(orders)
        responses = await self._send([_request("BAN", order.target) for order in orders])
        return [response if isinstance(response, Purged) else _ban_outcome(response) for response in responses]

    async def _purge_until_gone(self, requests: Sequence[RawHttpRequest]) -> list[Purged]:
        """Purge, and purge again what was there, until Varnish says of each that nothing is left."""
        first = await self._purge_once(requests)

        async def repeat(numbers: list[int]) -> list[_Removed | Purged]:
            again = await self._purge_once([requests[number] for number in numbers])
            return [_NOTHING if isinstance(each, _Removed) and each.marker else each for each in again]

        # A purged object counts until the expiry thread has dropped it, sometimes some milliseconds later.
        last = await repeat_until_gone(first, lambda each: isinstance(each, _Removed) and each.objects > 0, repeat)
        return [_outcome(removed, left) for removed, left in zip(first, last, strict=True)]

    async def _purge_once(self, requests: Sequence[RawHttpRequest]) -> list[_Removed | Purged]:
        """For each purge what it removed, or the outcome where the response has no number."""
        responses = await self._send(requests)
        return [response if isinstance(response, Purged) else _removed(response) for response in responses]


def _request(method: str, target: Target, headers: Sequence[tuple[str, str]] = ()) -> RawHttpRequest:
    return RawHttpRequest(method, target.host, target.path, headers)


def _removed(response: HttpResponse) -> _Removed | Purged:
    count = response.headers.get("x-purged", "")
    if response.status not in (200, 204, 404):
        return refused(response)
    if count.isdecimal():
        return _Removed(int(count), "x-purged-marker" in response.headers)
    if response.status == 404:
        return Purged(Delivery.REFUSED, 404, "status 404 without X-Purged: this VCL does not handle purges")
    if not _is_of_varnish(response):
        return no_purge(response, "X-Purged", _NOT_VARNISH)
    # `return (purge)` answers 200 whether or not there was anything: the purge was accepted, no more is known.
    return Purged(Delivery.DELIVERED, response.status, "the cache does not say what it removed")


def _is_of_varnish(response: HttpResponse) -> bool:
    """Whether Varnish made the response itself. One that it has from the origin has an Age, and the origin's Server."""
    headers = response.headers
    return "x-varnish" in headers and "age" not in headers and headers.get("server", "Varnish") == "Varnish"


def _outcome(removed: _Removed | Purged, left: _Removed | Purged) -> Purged:
    # Only the first count: a purged object counts again until the expiry thread has dropped it.
    count = removed.copies if isinstance(removed, _Removed) else 0
    if isinstance(left, Purged):
        return replace(left, count=count or None)
    if left.objects:
        return Purged(Delivery.WAITING, 200, STILL_CACHED, count)
    return Purged(Delivery.VERIFIED, 404, count=count)


def _ban_outcome(response: HttpResponse) -> Purged:
    # Other software may return 200 for a BAN that it ignores; only our VCL sets this header.
    if response.status != 200 or response.headers.get("x-purged") != "ban":
        return refused(response)
    # The ban lurker removes the objects later, so nothing can be counted now.
    return Purged(Delivery.DELIVERED, 200, "banned: older copies are no longer served; their memory is freed later")

"""nginx Plus: PURGE at the content's own address, as `proxy_cache_purge $purge_method;` provides it
(docs.nginx.com/nginx/admin-guide/content-cache/content-caching, and proxy_cache_purge of ngx_http_proxy_module).

204: the entry of that key was removed; 404: there was none. A key that ends in "*" purges all keys that begin so.
"""

from collections.abc import Sequence

from edgeward.caches.base import STILL_CACHED, Abilities, Purged
from edgeward.caches.raw_http import RawHttpRequest
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.self_hosted_driver import SelfHostedDriver, no_purge, refused, repeat_until_gone
from edgeward.types import Delivery, PurgeOrder, Target

_NGINX = ("nginx", "openresty", "angie")


class NginxPlus(SelfHostedDriver):
    """A 404 is trusted only after a 204 for the same target: an origin that receives the PURGE returns 404 too. One of
    a server that is not nginx is no yes at all.

    A response with Vary is never verified: nginx keeps a file for each variant under the one key.
    """

    name = "nginx-plus"
    # origin_seconds: the default of proxy_read_timeout.
    abilities = Abilities(prefix=True, verifies=True, batch=64, origin_seconds=60.0)

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        requests = [RawHttpRequest("PURGE", order.target.host, order.target.path) for order in orders]
        first = await self._send(requests)
        last = await repeat_until_gone(
            first,
            lambda response: response.status == 204,
            lambda numbers: self._send([requests[number] for number in numbers]),
        )
        return [_outcome(*each) for each in zip([order.target for order in orders], first, last, strict=True)]

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        responses = await self._send(
            [RawHttpRequest("PURGE", order.target.host, f"{order.target.path}*") for order in orders]
        )
        return [response if isinstance(response, Purged) else _accepted(response) for response in responses]


def _outcome(target: Target, first: HttpResponse | Purged, last: HttpResponse | Purged) -> Purged:
    if isinstance(last, Purged):
        return last
    if last.status == 204:
        return Purged(Delivery.WAITING, 204, STILL_CACHED)
    # Only a 404 that follows a 204 shows that this server purges, and that nothing is left.
    if first.status != 204 or last.status != 404:
        return _accepted(last)
    if target.vary:
        return Purged(Delivery.DELIVERED, 404, "the response has Vary: nginx may hold other variants in other files", 1)
    return Purged(Delivery.VERIFIED, 404, count=1)


def _accepted(response: HttpResponse) -> Purged:
    """The outcome of a purge that cannot be verified."""
    if response.status == 204:
        return Purged(Delivery.DELIVERED, 204, "nginx Plus does not say what it removed")
    if response.status == 404 and not response.headers.get("server", "nginx").startswith(_NGINX):
        return no_purge(response, "a Server header of nginx", "check that `url` is the address of nginx Plus")
    if response.status == 404:
        return Purged(Delivery.DELIVERED, 404, "nothing is cached there, or the server at this url does not purge")
    return refused(response)

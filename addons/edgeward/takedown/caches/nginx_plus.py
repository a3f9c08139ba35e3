"""nginx Plus: PURGE at the content's own address, as `proxy_cache_purge $purge_method;` makes it
(docs.nginx.com/nginx/admin-guide/content-cache/content-caching, and proxy_cache_purge of ngx_http_proxy_module).

204: the entry of that key is removed; 404: there is none. A key that ends in "*" stands for all that begin so.
"""

from collections.abc import Sequence
from dataclasses import replace

from edgeward.takedown.caches.answers import Answer
from edgeward.takedown.caches.base import Abilities, Purged
from edgeward.takedown.caches.local import LocalDriver, confirmed, refused
from edgeward.takedown.caches.wire import Request
from edgeward.types import Delivery, PurgeOrder, Target


class NginxPlus(LocalDriver):
    """A 404 is trusted only after a 204 for the same target: an origin that PURGE is passed on to says it as well.

    Nor is a response with Vary ever verified: nginx keeps a file for each of its variants under the one key.
    """

    name = "nginx-plus"
    abilities = Abilities(prefix=True, verifies=True, batch=64)

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        requests = [Request("PURGE", order.target.host, order.target.path) for order in orders]
        first = await self._ask(requests)
        last = await confirmed(first, _purged, lambda left: self._ask([requests[number] for number in left]))
        return [_outcome(*three) for three in zip([order.target for order in orders], first, last, strict=True)]

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        answers = await self._ask([Request("PURGE", order.target.host, f"{order.target.path}*") for order in orders])
        return [answer if isinstance(answer, Purged) else _accepted(answer) for answer in answers]


def _purged(answer: Answer | Purged) -> bool:
    return answer.status == 204


def _outcome(target: Target, first: Answer | Purged, last: Answer | Purged) -> Purged:
    if isinstance(last, Purged):
        return last
    if first.status != 204 or last.status != 404:
        return replace(_accepted(last), count=int(first.status == 204))
    if target.vary:
        return Purged(Delivery.DELIVERED, 404, "the response varies: other variants may have files of their own", 1)
    return Purged(Delivery.VERIFIED, 404, count=1)


def _accepted(answer: Answer) -> Purged:
    if answer.status == 204:
        return Purged(Delivery.DELIVERED, 204, "nginx Plus does not say what it removed")
    if answer.status == 404:
        return Purged(Delivery.DELIVERED, 404, "nothing is stored there, or whoever answers knows no purges")
    return refused(answer)

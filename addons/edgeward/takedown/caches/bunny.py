"""bunny.net: POST /purge?url= for a URL or (with a `*` at its end) what begins with it, POST /pullzone/{id}/purgeCache
with `CacheTag` (docs.bunny.net/api-reference/core/purge, /cdn/purge-cache and /docs/cdn-api-purge-rate-limits)."""

from collections.abc import Sequence
from urllib.parse import quote

from edgeward.cache_settings import BunnyCache
from edgeward.takedown.caches.api import Reply
from edgeward.takedown.caches.base import Abilities, Purged, Rate
from edgeward.takedown.caches.urls import url_of
from edgeward.takedown.caches.vendor import Vendor, as_json, tag_of
from edgeward.types import PurgeOrder, Scope

WIDE = Rate(0.5, 20)
"""Purges by prefix; no other number is documented for tags."""


class Bunny(Vendor):
    """All pull zones of an account; tags in one of them. A call waits until the purge is complete there."""

    name = "bunny"
    place = "url, or the hostname among the pull zones"
    abilities = Abilities(prefix=True, tag=True, repeat_seconds=5, batch=16, rate=Rate(5, 120))
    rates = {Scope.PREFIX: WIDE, Scope.TAG: WIDE}  # noqa: RUF012
    settings: BunnyCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._each(orders, _url, lambda urls: self._purge(Scope.TARGET, urls[0]))

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._each(orders, _url, lambda urls: self._purge(Scope.PREFIX, f"{urls[0]}*"))

    async def _tagged(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._each(orders, tag_of, self._purge_tag)

    async def _purge(self, scope: Scope, url: str) -> Purged:
        # Without exactPath, a URL that ends in "/" means everything below it.
        exact = str(scope is Scope.TARGET).lower()
        path = f"/purge?url={quote(url, safe='')}&async=false&exactPath={exact}"
        return self._outcome(await self._ask(scope, "POST", path, self._headers))

    async def _purge_tag(self, tags: Sequence[str]) -> Purged:
        path = f"/pullzone/{self.settings.pull_zone}/purgeCache"
        headers = {**self._headers, "Content-Type": "application/json"}
        return self._outcome(await self._ask(Scope.TAG, "POST", path, headers, as_json({"CacheTag": tags[0]})))

    def _is_accepted(self, reply: Reply) -> bool:
        """No form of a yes is documented beyond its status; a page is none."""
        return not reply.body.lstrip().startswith(b"<")

    @property
    def _headers(self) -> dict[str, str]:
        return {"AccessKey": self.settings.token, "Accept": "application/json"}


def _url(order: PurgeOrder) -> list[str]:
    return [f"{order.target.scheme}://{url_of(order.target)}".replace("*", "%2A")]

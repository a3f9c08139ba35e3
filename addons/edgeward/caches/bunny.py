"""bunny.net: POST /purge?url= for a URL or (with a trailing `*`) all that begin with it, POST /pullzone/{id}/purgeCache
with `CacheTag` (docs.bunny.net/api-reference/core/purge, /cdn/purge-cache and /docs/cdn-api-purge-rate-limits)."""

from collections.abc import Sequence
from urllib.parse import quote

from edgeward.caches.base import Abilities, Purged, Rate
from edgeward.caches.cdn_client import CdnResponse
from edgeward.caches.cdn_driver import CdnDriver, as_json, tag_item
from edgeward.caches.urls import url_of
from edgeward.settings.cache_settings import BunnyCache
from edgeward.types import PurgeOrder, Scope

WILDCARD_RATE = Rate(0.5, 20)
"""Of purges by prefix. No rate is documented for tags, so they get the same."""
_NOTHING = (b"", b"{}", b"null", b'""')


class Bunny(CdnDriver):
    """All pull zones of an account; tags in one of them. With async=false a call returns when the purge is complete."""

    name = "bunny"
    resource_settings = "url, or the hostname among the pull zones"
    abilities = Abilities(prefix=True, tag=True, repeat_seconds=5, batch=16, rate=Rate(5, 120))
    rates = {Scope.PREFIX: WILDCARD_RATE, Scope.TAG: WILDCARD_RATE}  # noqa: RUF012
    settings: BunnyCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_each(orders, _url_item, lambda urls: self._purge_url(urls[0]))

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_each(orders, _url_item, lambda urls: self._purge(Scope.PREFIX, f"{urls[0]}*"))

    async def _purge_url(self, url: str) -> Purged:
        # A `*` in a URL is a wildcard. It stands for itself too, and `%2A` would be another URL.
        return await self._purge(Scope.PREFIX if "*" in url else Scope.TARGET, url)

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_each(orders, tag_item, self._purge_tag)

    async def _purge(self, scope: Scope, url: str) -> Purged:
        # Without exactPath, a URL that ends in "/" purges everything below it.
        exact = str(scope is Scope.TARGET).lower()
        path = f"/purge?url={quote(url, safe='')}&async=false&exactPath={exact}"
        return self._outcome(await self._send_purge(scope, "POST", path, self._headers))

    async def _purge_tag(self, tags: Sequence[str]) -> Purged:
        path = f"/pullzone/{self.settings.pull_zone}/purgeCache"
        headers = {**self._headers, "Content-Type": "application/json"}
        return self._outcome(await self._send_purge(Scope.TAG, "POST", path, headers, as_json({"CacheTag": tags[0]})))

    def _is_accepted(self, response: CdnResponse) -> bool:
        """The documentation names only the status: 200 for URLs, 204 for tags, without a body. An error may have the
        status 200 too: {"HttpCode": 401, "ErrorKey": ..., "Message": ...}."""
        return response.status in (200, 204) and response.body.strip() in _NOTHING

    @property
    def _headers(self) -> dict[str, str]:
        return {"AccessKey": self.settings.token, "Accept": "application/json"}


def _url_item(order: PurgeOrder) -> list[str]:
    return [f"{order.target.scheme}://{url_of(order.target)}"]

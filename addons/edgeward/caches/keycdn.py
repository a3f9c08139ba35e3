"""KeyCDN: DELETE /zones/purgeurl/{id}.json with `urls` (host and path, no scheme), /zones/purgetag/{id}.json with
`tags`; Basic authentication with the API key as the user (keycdn.com/api)."""

import base64
from collections.abc import Sequence

from edgeward.caches.base import Abilities, Purged, Rate
from edgeward.caches.batches import BatchLimits
from edgeward.caches.cdn_client import CdnResponse
from edgeward.caches.cdn_driver import CdnDriver, as_json, tag_item
from edgeward.caches.urls import url_of
from edgeward.settings.cache_settings import CacheSettings, KeyCdnCache
from edgeward.types import PurgeOrder, Scope

LIMITS = BatchLimits(100, 60_000)
"""A body may have 64 KB."""
TAG_LIMITS = BatchLimits(3)
"""Tags in one call may have 128 characters together (KeyCDN's support in drupal.org/node/2878035)."""


class KeyCdn(CdnDriver):
    """One zone. 20 calls a minute is the last documented limit; it was raised since, to an undocumented value."""

    name = "keycdn"
    abilities = Abilities(tag=True, repeat_seconds=5, batch=100, rate=Rate(20 / 60, 20))
    settings: KeyCdnCache

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        self._basic = base64.b64encode(f"{self.settings.token}:".encode()).decode()
        # Whoever reads the encoded form has the API key.
        self._api.add_secrets(self._basic)

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_in_batches(
            orders, lambda order: [url_of(order.target)], lambda urls: self._purge(Scope.TARGET, "url", urls), LIMITS
        )

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_in_batches(
            orders, tag_item, lambda tags: self._purge(Scope.TAG, "tag", tags), TAG_LIMITS
        )

    async def _purge(self, scope: Scope, kind: str, items: Sequence[str]) -> Purged:
        path = f"/zones/purge{kind}/{self.settings.zone}.json"
        headers = {"Authorization": f"Basic {self._basic}", "Content-Type": "application/json"}
        return self._outcome(await self._send_purge(scope, "DELETE", path, headers, as_json({f"{kind}s": items})))

    def _is_accepted(self, response: CdnResponse) -> bool:
        return response.status == 200 and response.fields.get("status") == "success"

    def _is_from_api(self, response: CdnResponse) -> bool:
        return "status" in response.fields

    def _error_detail(self, response: CdnResponse) -> str:
        return str(response.fields.get("description") or response.fields.get("error_message") or "")

"""KeyCDN: DELETE /zones/purgeurl/{id}.json with `urls` (host and path, no scheme), /zones/purgetag/{id}.json with
`tags`; Basic authentication with the API key as the user (keycdn.com/api)."""

import base64
from collections.abc import Sequence

from edgeward.cache_settings import CacheSettings, KeyCdnCache
from edgeward.takedown.caches.api import Reply
from edgeward.takedown.caches.base import Abilities, Purged, Rate
from edgeward.takedown.caches.batches import Room
from edgeward.takedown.caches.urls import url_of
from edgeward.takedown.caches.vendor import Vendor, as_json, tag_of
from edgeward.types import PurgeOrder, Scope

ROOM = Room(100, 60_000)
"""A body may have 64 KB."""
TAGS = Room(3)
"""Tags in one call may have 128 characters together (support's answer in drupal.org/node/2878035)."""


class KeyCdn(Vendor):
    """One zone. 20 calls a minute is the last limit that was documented; it has been raised since, not said to what."""

    name = "keycdn"
    abilities = Abilities(tag=True, repeat_seconds=5, batch=100, rate=Rate(20 / 60, 20))
    settings: KeyCdnCache

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        self._basic = base64.b64encode(f"{self.settings.token}:".encode()).decode()
        self._api.keep_secret(self._basic)

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(
            orders, lambda order: [url_of(order.target)], lambda urls: self._purge(Scope.TARGET, "url", urls), ROOM
        )

    async def _tagged(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(orders, tag_of, lambda tags: self._purge(Scope.TAG, "tag", tags), TAGS)

    async def _purge(self, scope: Scope, kind: str, items: Sequence[str]) -> Purged:
        path = f"/zones/purge{kind}/{self.settings.zone}.json"
        headers = {"Authorization": f"Basic {self._basic}", "Content-Type": "application/json"}
        return self._outcome(await self._ask(scope, "DELETE", path, headers, as_json({f"{kind}s": items})))

    def _is_accepted(self, reply: Reply) -> bool:
        return reply.fields.get("status") == "success"

    def _is_known(self, reply: Reply) -> bool:
        return "status" in reply.fields

    def _said(self, reply: Reply) -> str:
        return str(reply.fields.get("description") or reply.fields.get("error_message") or "")

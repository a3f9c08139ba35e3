"""Cloudflare: POST /zones/{zone}/purge_cache with `files`, `prefixes` or `tags`
(developers.cloudflare.com/cache/how-to/purge-cache, and "Purge Cached Content" of the API reference).

A file is purged under its cache key: the URL with its scheme, so both are sent, and the request headers that are part
of the key, as far as the target was seen to vary on them; a URL with headers does not purge the one without.
"""

from collections.abc import Sequence
from typing import Any

from edgeward.cache_settings import CloudflareCache
from edgeward.takedown.caches.api import Reply
from edgeward.takedown.caches.base import Abilities, Purged, Rate
from edgeward.takedown.caches.batches import Item, Room
from edgeward.takedown.caches.urls import both_schemes, encoded, host_of
from edgeward.takedown.caches.vendor import Vendor, as_json, tag_of
from edgeward.types import PurgeOrder, Scope

ROOM = Room(100)
"""Operations in one request, on every plan."""
KEY_HEADERS = frozenset(
    (
        "accept-language", "cf-device-type", "cf-ipcountry", "forwarded", "origin", "x-forwarded-host",
        "x-forwarded-scheme", "x-host", "x-original-url", "x-rewrite-url",
    )
)  # fmt: skip
"""Request headers that can be part of a cache key there (purge-by-single-file, purge-cache-key)."""
SMALLEST_PLAN = Rate(5 / 60, 25)
"""Requests for prefixes and tags, on the Free plan."""


class Cloudflare(Vendor):
    """One zone. Rates are those of the Free plan: 800 URLs a second are 8 full requests."""

    name = "cloudflare"
    abilities = Abilities(prefix=True, tag=True, repeat_seconds=2, batch=100, rate=Rate(8, 8))
    rates = {Scope.PREFIX: SMALLEST_PLAN, Scope.TAG: SMALLEST_PLAN}  # noqa: RUF012
    settings: CloudflareCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(orders, _files, lambda files: self._purge(Scope.TARGET, files=files), ROOM)

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(orders, _prefix, lambda found: self._purge(Scope.PREFIX, prefixes=found), ROOM)

    async def _tagged(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(orders, tag_of, lambda tags: self._purge(Scope.TAG, tags=tags), ROOM)

    async def _purge(self, scope: Scope, **what: Sequence[Any]) -> Purged:
        headers = {"Authorization": f"Bearer {self.settings.token}", "Content-Type": "application/json"}
        path = f"/zones/{self.settings.zone}/purge_cache"
        return self._outcome(await self._ask(scope, "POST", path, headers, as_json(what)))

    def _is_accepted(self, reply: Reply) -> bool:
        return reply.fields.get("success") is True

    def _is_known(self, reply: Reply) -> bool:
        return "success" in reply.fields

    def _said(self, reply: Reply) -> str:
        errors = reply.fields.get("errors")
        said = [str(error.get("message", "")) for error in errors or () if isinstance(error, dict)]
        return "; ".join(said)


def _files(order: PurgeOrder) -> list[Item]:
    urls = both_schemes(order.target)
    headers = {name: value for name, value in order.target.vary if name in KEY_HEADERS}
    keyed = [{"url": url, "headers": headers} for url in urls] if headers else []
    return [*urls, *keyed]


def _prefix(order: PurgeOrder) -> list[Item]:
    """Host and path: neither scheme nor query may be there."""
    return [host_of(order.target) + encoded(order.target.path.partition("?")[0])]

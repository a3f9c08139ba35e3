"""Cloudflare: POST /zones/{zone}/purge_cache with `files`, `prefixes` or `tags`
(developers.cloudflare.com/cache/how-to/purge-cache, and "Purge Cached Content" of the API reference).

A file is purged under its cache key: the URL with its scheme, so both schemes are sent, and the request headers that
are part of the key: some of every key, others as far as the target was seen to vary on them. A URL with headers does
not purge the one without, so both forms are sent. Where a target was seen with more values than are recorded, all that
begins with its path is purged, whatever its key.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from edgeward.caches.base import Abilities, Purged, Rate
from edgeward.caches.batches import BatchLimits, Item
from edgeward.caches.cdn_client import CdnResponse
from edgeward.caches.cdn_driver import CdnDriver, as_json, tag_item
from edgeward.caches.urls import both_schemes, encoded, host_of
from edgeward.settings.cache_settings import CacheSettings, CloudflareCache
from edgeward.types import UNKNOWN_KEY_HEADERS, Delivery, PurgeOrder, Scope

LIMITS = BatchLimits(100)
"""Operations in one request, on all plans."""
HEADERS_OF_EVERY_KEY = frozenset(
    (
        "forwarded", "origin", "x-forwarded-host", "x-forwarded-scheme", "x-host", "x-http-method",
        "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url",
    )
)  # fmt: skip
"""Request headers that are part of a cache key whenever a client sends them (cache-keys, "default cache key")."""
KEY_HEADERS = HEADERS_OF_EVERY_KEY | {"accept-language", "cf-device-type", "cf-ipcountry"}
"""Those that can be part of a cache key there (purge-by-single-file, purge-cache-key)."""
FREE_PLAN_RATE = Rate(5 / 60, 25)
"""Requests for prefixes and tags, on the Free plan."""


class Cloudflare(CdnDriver):
    """One zone. Rates are those of the Free plan: 800 URLs a second are 8 full requests."""

    name = "cloudflare"
    abilities = Abilities(prefix=True, tag=True, repeat_seconds=2, batch=100, rate=Rate(8, 8))
    rates = {Scope.PREFIX: FREE_PLAN_RATE, Scope.TAG: FREE_PLAN_RATE}  # noqa: RUF012
    settings: CloudflareCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        purged = await self._purge_in_batches(
            orders, _file_items, lambda files: self._purge(Scope.TARGET, files=files), LIMITS
        )
        unknown = [number for number, order in enumerate(orders) if order.target.key_headers == UNKNOWN_KEY_HEADERS]
        for number, by_prefix in zip(unknown, await self._prefixes([orders[one] for one in unknown]), strict=True):
            if by_prefix.delivery is not Delivery.DELIVERED:
                purged[number] = by_prefix
        return purged

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_in_batches(
            orders, _prefix_item, lambda prefixes: self._purge(Scope.PREFIX, prefixes=prefixes), LIMITS
        )

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_in_batches(orders, tag_item, lambda tags: self._purge(Scope.TAG, tags=tags), LIMITS)

    async def _purge(self, scope: Scope, **items: Sequence[Any]) -> Purged:
        headers = {"Authorization": f"Bearer {self.settings.token}", "Content-Type": "application/json"}
        path = f"/zones/{self.settings.zone}/purge_cache"
        return self._outcome(await self._send_purge(scope, "POST", path, headers, as_json(items)))

    def _is_accepted(self, response: CdnResponse) -> bool:
        fields = response.fields
        return response.status == 200 and fields.get("success") is True and not fields.get("errors")

    def _is_from_api(self, response: CdnResponse) -> bool:
        return "success" in response.fields

    def _error_detail(self, response: CdnResponse) -> str:
        errors = response.fields.get("errors")
        messages = [str(error.get("message", "")) for error in errors or () if isinstance(error, dict)]
        return "; ".join(filter(None, messages))


def headers_of_every_key(caches: Iterable[CacheSettings]) -> frozenset[str]:
    """The request headers that are to be recorded of every target, since one of these caches stores by them."""
    return HEADERS_OF_EVERY_KEY if any(isinstance(cache, CloudflareCache) for cache in caches) else frozenset()


def _file_items(order: PurgeOrder) -> list[Item]:
    target, urls = order.target, both_schemes(order.target)
    varying = {name: value for name, value in target.vary if name in KEY_HEADERS}
    everything = {**varying, **{name: value for name, value in target.key_headers if name in KEY_HEADERS}}
    # Between Cloudflare and Edgeward others may have added headers, but hardly Origin.
    origin = {name: value for name, value in everything.items() if name == "origin"}
    combinations = [headers for headers in (everything, varying, origin) if headers]
    return [*urls, *({"url": url, "headers": headers} for headers in combinations for url in urls)]


def _prefix_item(order: PurgeOrder) -> list[Item]:
    """Host and path: the API takes neither scheme nor query."""
    return [host_of(order.target) + encoded(order.target.path.partition("?")[0])]

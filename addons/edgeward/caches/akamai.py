"""Akamai Fast Purge: POST /ccu/v3/delete/{url|tag}/{network} with `objects` (techdocs.akamai.com/purge-cache). Delete,
never invalidate: an invalidated object is served again when the origin is unreachable.

Both schemes are sent: a property may store them separately.
"""

from collections.abc import Sequence

from edgeward.caches.base import Abilities, Purged, Rate
from edgeward.caches.batches import BatchLimits
from edgeward.caches.cdn_client import CdnResponse
from edgeward.caches.cdn_driver import CdnDriver, as_json, tag_item
from edgeward.caches.edgegrid import Credentials, authorization
from edgeward.caches.rate_limit import RateLimit
from edgeward.caches.urls import both_schemes
from edgeward.settings.cache_settings import AkamaiCache, CacheSettings
from edgeward.types import PurgeOrder, Scope

LIMITS = BatchLimits(1000, 50_000 - 100)
"""A body may have 50,000 bytes, `{"objects":[...]}` included."""
OBJECT_RATES = {Scope.TARGET: Rate(200, 10_000), Scope.TAG: Rate(500 / 60, 5_000)}
"""URLs and tags that an account may purge, limited in addition to its requests (reference/rate-limiting)."""
ONE_URL_TITLE = "unauthorized arl"
"""Title of the 403 for a single URL that this client may not purge."""


class Akamai(CdnDriver):
    """Everything that the API client may purge, on one network."""

    name = "akamai"
    credential_settings = "client_token, client_secret and access_token (and the clock)"
    resource_settings = "url"
    abilities = Abilities(tag=True, repeat_seconds=5, batch=250, rate=Rate(50, 100))
    settings: AkamaiCache

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        own = self.settings
        self._credentials = Credentials(own.client_token, own.client_secret, own.access_token)
        self._object_limits = {scope: RateLimit(rate, self._timeout) for scope, rate in OBJECT_RATES.items()}

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_in_batches(
            orders,
            lambda order: both_schemes(order.target),
            lambda urls: self._delete(Scope.TARGET, "url", urls),
            LIMITS,
        )

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_in_batches(orders, tag_item, lambda tags: self._delete(Scope.TAG, "tag", tags), LIMITS)

    async def _delete(self, scope: Scope, kind: str, objects: Sequence[str]) -> Purged:
        # Akamai counts the objects of a call and the call itself; `_send_purge` waits for the latter.
        await self._object_limits[scope].take(len(objects))
        path = f"/ccu/v3/delete/{kind}/{self.settings.network}"
        body = as_json({"objects": objects})
        signed = authorization(self._credentials, self.settings.url + path, body)
        headers = {"Authorization": signed, "Content-Type": "application/json"}
        return self._outcome(await self._send_purge(scope, "POST", path, headers, body))

    def _is_accepted(self, response: CdnResponse) -> bool:
        return response.status == 201 and response.fields.get("httpStatus") == 201

    def _is_from_api(self, response: CdnResponse) -> bool:
        return "httpStatus" in response.fields

    def _error_detail(self, response: CdnResponse) -> str:
        return ": ".join(str(response.fields[name]) for name in ("title", "detail") if name in response.fields)

    def _may_concern_one_item(self, purged: Purged) -> bool:
        # A 403 is otherwise about the client's permissions, and concerns the whole call.
        return super()._may_concern_one_item(purged) or (
            purged.status == 403 and ONE_URL_TITLE in purged.detail.lower()
        )

"""Fastly: POST /purge/{host}{path} for one URL, POST /service/{id}/purge for up to 256 surrogate keys (fastly.com/
documentation/reference/api/purging). Never with Fastly-Soft-Purge: stale objects may still be served.

Its cache keys hold host and URL byte for byte, without the scheme. The call carries them in its request target, so
it is sent by the byte-exact client of raw_http.py.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from edgeward.caches.base import Abilities, Purged, Rate
from edgeward.caches.batch_search import MAX_NAMED
from edgeward.caches.batches import BatchLimits
from edgeward.caches.cdn_client import MAX_BODY_BYTES, CdnResponse
from edgeward.caches.cdn_driver import CdnDriver, tag_item, words_of
from edgeward.caches.raw_http import RawHttpClient, TargetError
from edgeward.caches.retry_after import retry_after
from edgeward.caches.urls import Unsendable, host_of
from edgeward.settings.cache_settings import CacheSettings, FastlyCache
from edgeward.types import Delivery, PurgeOrder, Scope

LIMITS = BatchLimits(256, 15_000)
"""Keys in one call. They are sent in a header, which may have 16 KB."""


class Fastly(CdnDriver):
    """One service. The documented rate is 100,000 purges an hour. With shielding, a repeat after 2 s is useful."""

    name = "fastly"
    resource_settings = "service"
    abilities = Abilities(all_variants=True, tag=True, repeat_seconds=2, batch=256, rate=Rate(100_000 / 3600, 100))
    settings: FastlyCache

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        base = urlsplit(settings.url)
        self._raw_http = RawHttpClient(settings.url, self._timeout)
        self._host, self._base = base.netloc, base.path

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_each(orders, _url_item, self._purge_url)

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_in_batches(orders, tag_item, self._purge_keys, LIMITS)

    async def _purge_url(self, urls: Sequence[str]) -> Purged:
        return self._outcome(await self._send_purge(Scope.TARGET, "POST", f"/purge/{urls[0]}", {}))

    async def _purge_keys(self, keys: Sequence[str]) -> Purged:
        path = f"/service/{self.settings.service}/purge"
        response = await self._send_purge(Scope.TAG, "POST", path, {"Surrogate-Key": " ".join(keys)})
        if response.status != 200 or not response.fields:
            return self._outcome(response)
        # {key: id of its purge, ...}. A key that the response leaves out is not purged: it is named, and purged alone.
        missing = [key for key in keys if not isinstance(response.fields.get(key), str)]
        if not missing:
            return Purged(Delivery.DELIVERED, 200, "accepted")
        reason = self._error_detail(response) or (words_of(response) if len(missing) == len(keys) else "")
        detail = self._api.redacted("; ".join(filter(None, (reason, *missing[:MAX_NAMED]))))
        return Purged(Delivery.REFUSED, 200, f"the API did not accept every key: {detail}".removesuffix(": "))

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> CdnResponse:
        # A POST without a body should still state its length (RFC 9110, section 8.6).
        always = {"Fastly-Key": self.settings.token, "Accept": "application/json", "Content-Length": "0"}
        lines = tuple({**always, **headers}.items())
        try:
            response = await self._raw_http.ask(method, self._host, self._base + path, lines, keep=MAX_BODY_BYTES)
        except TargetError as error:
            raise Unsendable(str(error)) from None
        return CdnResponse(response.status, response.body, retry_after(response.headers.get("retry-after", "")))

    def _is_accepted(self, response: CdnResponse) -> bool:
        """For a URL: {"status": "ok", "id": ...}. For keys see `_purge_keys`."""
        return response.status == 200 and response.fields.get("status") == "ok"

    async def close(self) -> None:
        self._raw_http.close()
        await super().close()


def _url_item(order: PurgeOrder) -> list[str]:
    return [host_of(order.target) + order.target.path]

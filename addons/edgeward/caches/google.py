"""Google Cloud CDN: urlMaps.invalidateCache with a host and a path, or with cache tags, and the operation until it is
done (docs.cloud.google.com/compute/docs/reference/rest/v1/urlMaps/invalidateCache, and "Cache invalidation overview").

A path there has no query: it purges all queries, schemes and variants of that path. It has no `*` except a last one
after a slash, which stands for all that is below: a path with another is purged by the directory around it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from edgeward.caches.base import Abilities, Purged, Rate
from edgeward.caches.batches import BatchLimits, Item
from edgeward.caches.cdn_client import CdnResponse
from edgeward.caches.cdn_driver import CdnDriver, as_json, tag_item
from edgeward.caches.google_token import AccessTokens, ServiceAccount
from edgeward.caches.idempotency_keys import IdempotencyKeys
from edgeward.caches.urls import directory, encoded, host_of
from edgeward.errors import ConfigError
from edgeward.settings.cache_settings import CacheSettings, GoogleCache
from edgeward.types import Delivery, PurgeOrder, Scope

LIMITS = BatchLimits(10)
"""Tags in one request."""
_BUSY_REASONS = frozenset(
    (
        "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded", "concurrentLimitExceeded",
        "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "rate_limit_exceeded",
    )
)  # fmt: skip
"""Reasons that mean "try again later", whatever the status (cloud.google.com/compute/docs/api/troubleshooting-errors,
google.rpc.ErrorInfo, google.rpc.Code)."""


class Google(CdnDriver):
    """The responses behind one URL map. An invalidation takes effect within about 10 s."""

    name = "google"
    credential_settings = "credentials (and the clock)"
    resource_settings = "project and url_map"
    abilities = Abilities(
        all_variants=True, prefix=True, tag=True, repeat_seconds=10, batch=100, rate=Rate(500 / 60, 100)
    )
    settings: GoogleCache

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        try:
            account = ServiceAccount.parse(self.settings.credentials)
        except ConfigError as error:
            raise ConfigError(f"caches.{settings.name}.{error}") from None
        self._tokens = AccessTokens(account, self._timeout)
        self._keys = IdempotencyKeys()
        self._base = f"/projects/{self.settings.project}/global"

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_each(orders, _path_item, lambda rules: self._invalidate(Scope.TARGET, rules[0]))

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_each(orders, _directory_item, lambda rules: self._invalidate(Scope.PREFIX, rules[0]))

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_in_batches(
            orders, tag_item, lambda tags: self._invalidate(Scope.TAG, {"cacheTags": list(tags)}), LIMITS
        )

    async def _invalidate(self, scope: Scope, rule: Mapping[str, Any]) -> Purged:
        body = as_json(rule)
        items = [body.decode()]
        path = f"{self._base}/urlMaps/{self.settings.url_map}/invalidateCache?requestId={self._keys.key(items)}"
        response = await self._send_purge(scope, "POST", path, {"Content-Type": "application/json"}, body)
        purged = self._outcome(response)
        # Not reached when the response is missing or "later": `_outcome` raises then, and the retry has the same key.
        self._keys.answered(items)
        operation = str(response.fields.get("name", ""))
        if purged.delivery is Delivery.REFUSED or not re.fullmatch(r"[A-Za-z0-9-]+", operation):
            return purged
        return await self._poll(lambda: self._completed(operation), purged)

    async def _completed(self, operation: str) -> Purged | None:
        response = await self._send("GET", f"{self._base}/operations/{operation}", {})
        if response.status != 200 or response.fields.get("status") != "DONE":
            return None
        if error := _failure(response):
            return Purged(Delivery.WAITING, response.status, self._api.redacted(f"the operation failed: {error}"))
        return Purged(Delivery.DELIVERED, response.status, "completed")

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> CdnResponse:
        """With an access token, and once more with a new one after a 401: tokens can be revoked early."""
        for _ in range(2):
            token = await self._tokens.token()
            if isinstance(token, CdnResponse):
                # A refusal by the token server concerns the credentials, whichever status it has.
                return CdnResponse(401, token.body)
            # An API may quote the token in its error message.
            self._api.add_secrets(token)
            response = await super()._send(method, path, {**headers, "Authorization": f"Bearer {token}"}, body)
            if response.status != 401:
                break
            self._tokens.forget()
        return response

    def _is_accepted(self, response: CdnResponse) -> bool:
        return str(response.fields.get("kind", "")) == "compute#operation" and not _failure(response)

    def _is_busy(self, response: CdnResponse) -> bool:
        return bool(_BUSY_REASONS & _reasons(response))

    def _error_detail(self, response: CdnResponse) -> str:
        error = response.fields.get("error")
        if isinstance(error, str):
            return f"{error}: {response.fields.get('error_description', '')}"
        return _failure(response)

    async def close(self) -> None:
        await self._tokens.close()
        await super().close()


def _reasons(response: CdnResponse) -> set[str]:
    """The reasons of an error response, in the forms of the API, of its newer version and of the token server."""
    error = response.fields.get("error")
    if not isinstance(error, dict):
        return {str(error)}
    lists = (each for each in (error.get("errors"), error.get("details")) if isinstance(each, list))
    reasons = {str(each.get("reason")) for errors in lists for each in errors if isinstance(each, dict)}
    return {*reasons, str(error.get("status"))}


def _failure(response: CdnResponse) -> str:
    """The error message of a call or an operation, "" where there is none."""
    error = response.fields.get("error")
    if not isinstance(error, dict):
        # Of an operation that failed: it may come without `error`.
        status = response.fields.get("httpErrorStatusCode")
        return f"{status} {response.fields.get('httpErrorMessage', '')}".rstrip() if status else ""
    errors = error.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return str(error.get("message") or first.get("message") or first.get("code") or "an error")


def _path_item(order: PurgeOrder) -> list[Item]:
    path = order.target.path.partition("?")[0]
    if "*" in path:
        return _directory_item(order)
    return [{"host": host_of(order.target), "path": encoded(path)}]


def _directory_item(order: PurgeOrder) -> list[Item]:
    """The whole directory: `*` is only allowed after a slash, and nowhere before."""
    path = encoded(directory(order.target.path.partition("?")[0].partition("*")[0]))
    return [{"host": host_of(order.target), "path": f"{path}*"}]

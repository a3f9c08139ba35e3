"""Google Cloud CDN: urlMaps.invalidateCache with a host and a path, or with cache tags, and the operation until it is
done (docs.cloud.google.com/compute/docs/reference/rest/v1/urlMaps/invalidateCache, and "Cache invalidation overview").

A path there has no query: it stands for all queries, schemes and variants of that path.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from edgeward.cache_settings import CacheSettings, GoogleCache
from edgeward.errors import ConfigError
from edgeward.takedown.caches.api import Reply
from edgeward.takedown.caches.attempts import Attempts
from edgeward.takedown.caches.base import Abilities, Purged, Rate
from edgeward.takedown.caches.batches import Item, Room
from edgeward.takedown.caches.google_token import ServiceAccount, Tokens
from edgeward.takedown.caches.urls import directory, encoded, host_of
from edgeward.takedown.caches.vendor import Vendor, as_json, tag_of
from edgeward.types import Delivery, PurgeOrder, Scope

ROOM = Room(10)
"""Tags in one request."""
_NO_PATTERN = re.compile(r"[^\x21\x22\x24-\x29\x2b-\x7e]")
"""`*` would be a pattern."""


class Google(Vendor):
    """The responses behind one URL map. An invalidation takes effect within about 10 s."""

    name = "google"
    credentials = "credentials (and the clock)"
    place = "project and url_map"
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
        self._tokens = Tokens(account, self._timeout)
        self._attempts = Attempts()
        self._base = f"/projects/{self.settings.project}/global"

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._each(orders, _path, lambda rules: self._invalidate(Scope.TARGET, rules[0]))

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._each(orders, _directory, lambda rules: self._invalidate(Scope.PREFIX, rules[0]))

    async def _tagged(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(
            orders, tag_of, lambda tags: self._invalidate(Scope.TAG, {"cacheTags": list(tags)}), ROOM
        )

    async def _invalidate(self, scope: Scope, rule: Mapping[str, Any]) -> Purged:
        body = as_json(rule)
        items = [body.decode()]
        path = f"{self._base}/urlMaps/{self.settings.url_map}/invalidateCache?requestId={self._attempts.name(items)}"
        reply = await self._ask(scope, "POST", path, {"Content-Type": "application/json"}, body)
        purged = self._outcome(reply)
        self._attempts.answered(items)
        operation = str(reply.fields.get("name", ""))
        if purged.delivery is Delivery.REFUSED or not re.fullmatch(r"[A-Za-z0-9-]+", operation):
            return purged
        return await self._until(lambda: self._completed(operation), purged)

    async def _completed(self, operation: str) -> Purged | None:
        reply = await self._send("GET", f"{self._base}/operations/{operation}", {})
        if reply.status != 200 or reply.fields.get("status") != "DONE":
            return None
        if error := _failure(reply):
            return Purged(Delivery.WAITING, reply.status, self._api.hidden(f"it failed there: {error}"))
        return Purged(Delivery.DELIVERED, reply.status, "completed")

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """With an access token; once more with a new one where the old one is not taken."""
        for _ in range(2):
            token = await self._tokens.token()
            if isinstance(token, Reply):
                # What the token's server refuses is a matter of the credentials, whichever status it has for that.
                return Reply(401, token.body)
            self._api.keep_secret(token)
            reply = await super()._send(method, path, {**headers, "Authorization": f"Bearer {token}"}, body)
            if reply.status != 401:
                break
            self._tokens.forget()
        return reply

    def _is_accepted(self, reply: Reply) -> bool:
        return str(reply.fields.get("kind", "")) == "compute#operation" and not _failure(reply)

    def _said(self, reply: Reply) -> str:
        error = reply.fields.get("error")
        if isinstance(error, str):
            return f"{error}: {reply.fields.get('error_description', '')}"
        return _failure(reply)

    async def close(self) -> None:
        await self._tokens.close()
        await super().close()


def _failure(reply: Reply) -> str:
    """The message of an error, of a call or of an operation."""
    error = reply.fields.get("error")
    if not isinstance(error, dict):
        return ""
    errors = error.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return str(error.get("message") or first.get("message") or first.get("code") or "an error")


def _path(order: PurgeOrder) -> list[Item]:
    path = order.target.path.partition("?")[0]
    return [{"host": host_of(order.target), "path": encoded(path, _NO_PATTERN)}]


def _directory(order: PurgeOrder) -> list[Item]:
    """The whole directory: `*` may only stand after a slash."""
    path = encoded(directory(order.target.path), _NO_PATTERN)
    return [{"host": host_of(order.target), "path": f"{path}*"}]

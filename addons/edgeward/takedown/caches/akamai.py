"""Akamai Fast Purge: POST /ccu/v3/delete/{url|tag}/{network} with `objects` (techdocs.akamai.com/purge-cache). Delete,
never invalidate: an invalidated object is served again when the origin can't be reached.

Both schemes are sent: a property may keep them apart.
"""

from collections.abc import Sequence

from edgeward.cache_settings import AkamaiCache, CacheSettings
from edgeward.takedown.caches.api import Reply
from edgeward.takedown.caches.base import Abilities, Purged, Rate
from edgeward.takedown.caches.batches import Room
from edgeward.takedown.caches.edgegrid import Credentials, authorization
from edgeward.takedown.caches.pace import Pace
from edgeward.takedown.caches.urls import both_schemes
from edgeward.takedown.caches.vendor import Vendor, as_json, tag_of
from edgeward.types import PurgeOrder, Scope

ROOM = Room(1000, 50_000 - 100)
"""A body may have 50,000 bytes; some go to what is around the objects."""
OBJECTS = {Scope.TARGET: Rate(200, 10_000), Scope.TAG: Rate(500 / 60, 5_000)}
"""URLs and tags that an account may purge, beside its requests (reference/rate-limiting)."""
OF_ONE_URL = "unauthorized arl"
"""The title of a 403 for a URL that this client may not purge."""


class Akamai(Vendor):
    """Everything that the API client may purge, on one network."""

    name = "akamai"
    credentials = "client_token, client_secret and access_token (and the clock)"
    place = "url"
    abilities = Abilities(tag=True, repeat_seconds=5, batch=250, rate=Rate(50, 100))
    settings: AkamaiCache

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        own = self.settings
        self._credentials = Credentials(own.client_token, own.client_secret, own.access_token)
        self._objects = {scope: Pace(rate, self._timeout) for scope, rate in OBJECTS.items()}

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(
            orders, lambda order: both_schemes(order.target), lambda urls: self._delete(Scope.TARGET, "url", urls), ROOM
        )

    async def _tagged(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(orders, tag_of, lambda tags: self._delete(Scope.TAG, "tag", tags), ROOM)

    async def _delete(self, scope: Scope, kind: str, objects: Sequence[str]) -> Purged:
        await self._objects[scope].take(len(objects))
        path = f"/ccu/v3/delete/{kind}/{self.settings.network}"
        body = as_json({"objects": objects})
        signed = authorization(self._credentials, self.settings.url + path, body)
        headers = {"Authorization": signed, "Content-Type": "application/json"}
        return self._outcome(await self._ask(scope, "POST", path, headers, body))

    def _is_accepted(self, reply: Reply) -> bool:
        return reply.status == 201 and reply.fields.get("httpStatus") == 201

    def _is_known(self, reply: Reply) -> bool:
        return "httpStatus" in reply.fields

    def _said(self, reply: Reply) -> str:
        return ": ".join(str(reply.fields[name]) for name in ("title", "detail") if name in reply.fields)

    def _is_of_one(self, purged: Purged) -> bool:
        return super()._is_of_one(purged) or (purged.status == 403 and OF_ONE_URL in purged.detail.lower())

"""Fastly: POST /purge/{host}{path} for one URL, POST /service/{id}/purge for up to 256 surrogate keys (fastly.com/
documentation/reference/api/purging). Never with Fastly-Soft-Purge: what is stale would still be served.

Its cache keys hold host and URL byte for byte, without the scheme. The request target of the call carries them as they
were seen, which takes the client that sends bytes.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from edgeward.cache_settings import CacheSettings, FastlyCache
from edgeward.takedown.caches.api import MAX_BODY, Reply
from edgeward.takedown.caches.base import Abilities, Purged, Rate
from edgeward.takedown.caches.batches import Room
from edgeward.takedown.caches.retry_after import retry_after
from edgeward.takedown.caches.urls import Unsendable, host_of
from edgeward.takedown.caches.vendor import Vendor, tag_of
from edgeward.takedown.caches.wire import TargetError, Wire
from edgeward.types import PurgeOrder, Scope

ROOM = Room(256, 15_000)
"""Keys in one call; as a header they may take 16 KB."""


class Fastly(Vendor):
    """One service. 100,000 purges an hour are what is documented; shielding makes repeats after 2 s worth while."""

    name = "fastly"
    place = "service"
    abilities = Abilities(all_variants=True, tag=True, repeat_seconds=2, batch=256, rate=Rate(100_000 / 3600, 100))
    settings: FastlyCache

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        base = urlsplit(settings.url)
        self._wire = Wire(settings.url, self._timeout)
        self._host, self._base = base.netloc, base.path

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._each(orders, _url, self._purge_url)

    async def _tagged(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(orders, tag_of, self._purge_keys, ROOM)

    async def _purge_url(self, urls: Sequence[str]) -> Purged:
        return self._outcome(await self._ask(Scope.TARGET, "POST", f"/purge/{urls[0]}", {}))

    async def _purge_keys(self, keys: Sequence[str]) -> Purged:
        path = f"/service/{self.settings.service}/purge"
        return self._outcome(await self._ask(Scope.TAG, "POST", path, {"Surrogate-Key": " ".join(keys)}))

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        always = {"Fastly-Key": self.settings.token, "Accept": "application/json", "Content-Length": "0"}
        lines = tuple({**always, **headers}.items())
        try:
            answer = await self._wire.ask(method, self._host, self._base + path, lines, keep=MAX_BODY)
        except TargetError as error:
            raise Unsendable(str(error)) from None
        return Reply(answer.status, answer.body, retry_after(answer.headers.get("retry-after", "")))

    def _is_accepted(self, reply: Reply) -> bool:
        """A URL: {"status": "ok", "id": ...}. Keys: the id of each key's purge under its name."""
        fields = reply.fields
        return bool(fields) and fields.get("status", "ok") == "ok" and "msg" not in fields

    async def close(self) -> None:
        self._wire.close()
        await super().close()


def _url(order: PurgeOrder) -> list[str]:
    return [host_of(order.target) + order.target.path]

"""Any cache with an HTTP interface for purges: one request per URL, written as a template in the settings.

{url}, {scheme}, {host} and {path} (the request target with its query) are replaced by those of the purge:
percent-encoded in the path of the request, unchanged in its headers, as JSON strings without quotes in its body. A
value cannot end the header or string around it, and placeholders in a value are not replaced.
"""

import json
import re
from collections.abc import Callable, Sequence
from urllib.parse import quote

from edgeward.caches.base import Abilities, Purged
from edgeward.caches.cdn_client import CdnResponse
from edgeward.caches.cdn_driver import CdnDriver
from edgeward.caches.urls import encoded, host_of
from edgeward.settings.cache_settings import GenericCache
from edgeward.types import Delivery, PurgeOrder, Scope

_PAGE = "the response is a web page, so nothing says that it purges: fix url or path, or set accept_html = true"
_PLACEHOLDER = re.compile(r"\{(url|scheme|host|path)\}")


class Generic(CdnDriver):
    """Sends the request that its settings describe."""

    name = "generic"
    credential_settings = "headers"
    resource_settings = "path"
    abilities = Abilities(repeat_seconds=1, batch=16)
    settings: GenericCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_each(orders, _value_item, lambda items: self._purge(items[0]))

    async def _purge(self, values: dict[str, str]) -> Purged:
        path = _filled(self.settings.path, values, lambda text: quote(text, safe=""))
        headers = {name: _filled(value, values, str) for name, value in self.settings.headers.items()}
        body = _filled(self.settings.body, values, lambda text: json.dumps(text)[1:-1]).encode()
        return self._outcome(await self._send_purge(Scope.TARGET, self.settings.method, path, headers, body or None))

    def _fix_hint(self, status: int) -> str:
        if status in (405, 501):
            return "the cache does not know this call: fix method, or url"
        if status in (404, 410):
            return "not found: fix path, or name this status in `gone` if the cache sends it where it holds nothing"
        return super()._fix_hint(status)

    def _is_accepted(self, response: CdnResponse) -> bool:
        return response.status in self.settings.accepted and (self.settings.accept_html or not response.is_page)

    def _outcome(self, response: CdnResponse) -> Purged:
        if self._is_accepted(response):
            return Purged(Delivery.DELIVERED, response.status, "accepted")
        if response.status in self.settings.accepted:
            return Purged(Delivery.REFUSED, response.status, _PAGE)
        if response.status in self.settings.gone:
            # With a wrong path a server answers the same.
            return Purged(Delivery.DELIVERED, response.status, "nothing to purge, or `path` is wrong")
        if 200 <= response.status < 300:
            return Purged(Delivery.REFUSED, response.status, "this status is not in `accepted`: fix accepted")
        return super()._outcome(response)


def _value_item(order: PurgeOrder) -> list[dict[str, str]]:
    """The placeholders and their values, as ASCII."""
    target = order.target
    host, path = host_of(target), encoded(target.path)
    return [{"url": f"{target.scheme}://{host}{path}", "scheme": target.scheme, "host": host, "path": path}]


def _filled(template: str, values: dict[str, str], encode: Callable[[str], str]) -> str:
    return _PLACEHOLDER.sub(lambda match: encode(values[match[1]]), template)

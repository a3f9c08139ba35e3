"""Any cache with an HTTP interface for purges: one request per URL, written as a template in the settings.

{url}, {scheme}, {host} and {path} (the request target with its query) stand for what is purged: percent-encoded in the
path of the request, as they are in its headers, as JSON strings without their quotes in its body. What is put in can't
end the header or the string that it stands in, and what is put in is not looked at for words in braces again.
"""

import json
import re
from collections.abc import Callable, Sequence
from urllib.parse import quote

from edgeward.cache_settings import GenericCache
from edgeward.takedown.caches.api import Reply
from edgeward.takedown.caches.base import Abilities, Purged
from edgeward.takedown.caches.urls import encoded, host_of
from edgeward.takedown.caches.vendor import Vendor
from edgeward.types import Delivery, PurgeOrder, Scope

_WORD = re.compile(r"\{(url|scheme|host|path)\}")


class Generic(Vendor):
    """As its settings say."""

    name = "generic"
    credentials = "headers"
    place = "path"
    abilities = Abilities(repeat_seconds=1, batch=16)
    settings: GenericCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._each(orders, _words, lambda items: self._purge(items[0]))

    async def _purge(self, words: dict[str, str]) -> Purged:
        path = _filled(self.settings.path, words, lambda text: quote(text, safe=""))
        headers = {name: _filled(value, words, str) for name, value in self.settings.headers.items()}
        body = _filled(self.settings.body, words, lambda text: json.dumps(text)[1:-1]).encode()
        return self._outcome(await self._ask(Scope.TARGET, self.settings.method, path, headers, body or None))

    def _outcome(self, reply: Reply) -> Purged:
        if reply.status in self.settings.accepted:
            return Purged(Delivery.DELIVERED, reply.status, "accepted")
        if reply.status in self.settings.gone:
            return Purged(Delivery.DELIVERED, reply.status, "there was nothing", 0)
        if 200 <= reply.status < 300:
            return Purged(Delivery.REFUSED, reply.status, "not a status that says it was purged: mend accepted")
        return super()._outcome(reply)


def _words(order: PurgeOrder) -> list[dict[str, str]]:
    """The words and what they stand for, as ASCII."""
    target = order.target
    host, path = host_of(target), encoded(target.path)
    return [{"url": f"{target.scheme}://{host}{path}", "scheme": target.scheme, "host": host, "path": path}]


def _filled(template: str, words: dict[str, str], written: Callable[[str], str]) -> str:
    return _WORD.sub(lambda found: written(words[found[1]]), template)

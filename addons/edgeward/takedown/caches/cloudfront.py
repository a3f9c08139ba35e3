"""Amazon CloudFront: CreateInvalidation, and GetInvalidation until it is completed (docs.aws.amazon.com/cloudfront/
latest/APIReference, and the Developer Guide's "Invalidate files" and "Invalidating content by cache tags").

A path there has no host, so it is purged at every host of the distribution, in every variant. What RFC 1738 calls
unsafe and what is not ASCII has to be percent-encoded, and so is `*`, which as a last character would be a wildcard.
"""

import html
import re
from collections.abc import Sequence

from edgeward.cache_settings import CacheSettings, CloudFrontCache
from edgeward.takedown.caches.api import Reply
from edgeward.takedown.caches.attempts import Attempts
from edgeward.takedown.caches.base import Abilities, Purged
from edgeward.takedown.caches.batches import Room
from edgeward.takedown.caches.sigv4 import Credentials, Service, signed_headers
from edgeward.takedown.caches.urls import encoded
from edgeward.takedown.caches.vendor import Vendor
from edgeward.types import Delivery, PurgeOrder, Scope

VERSION = "2020-05-31"
SERVICE = Service("cloudfront", "us-east-1")
ROOM = Room(1000)
"""3,000 paths may be in progress at a time, those of others included."""
WILDCARDS = Room(15)
"""So many paths with a wildcard may be in progress at a time."""
MAX_PATH = 4000
BUSY = frozenset(("TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "RequestLimitExceeded"))
"""Codes that say "later" with status 400."""
_UNSAFE = re.compile(r"""[^\x21-\x7e]|["<>#{}|\\^~\[\]`*]""")


class CloudFront(Vendor):
    """One distribution. Its invalidations take effect within seconds to minutes.

    For purges by tag its CacheTagConfig has to name the header Cache-Tag.
    """

    name = "cloudfront"
    credentials = "access_key, secret_key and session_token (and the clock)"
    place = "distribution"
    abilities = Abilities(all_variants=True, prefix=True, tag=True, repeat_seconds=5, batch=1000)
    settings: CloudFrontCache

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        own = self.settings
        self._credentials = Credentials(own.access_key, own.secret_key, own.session_token)
        self._path = f"/{VERSION}/distribution/{own.distribution}/invalidation"
        self._attempts = Attempts()

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(orders, _path, lambda paths: self._invalidate(Scope.TARGET, paths), ROOM)

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(orders, _prefix, lambda paths: self._invalidate(Scope.PREFIX, paths), WILDCARDS)

    async def _tagged(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._together(orders, _tag, lambda tags: self._invalidate(Scope.TAG, tags), ROOM)

    async def _invalidate(self, scope: Scope, items: Sequence[str]) -> Purged:
        body = _batch(items, self._attempts.name(items))
        reply = await self._ask(scope, "POST", self._path, self._headers("POST", self._path, body), body)
        purged = self._outcome(reply)
        self._attempts.answered(items)
        number = _value(reply, "Id")
        if purged.delivery is Delivery.REFUSED or not number.isalnum():
            return purged
        return await self._until(lambda: self._completed(number), purged)

    async def _completed(self, number: str) -> Purged | None:
        path = f"{self._path}/{number}"
        reply = await self._send("GET", path, self._headers("GET", path))
        done = reply.status == 200 and _value(reply, "Status") == "Completed"
        return Purged(Delivery.DELIVERED, reply.status, "completed") if done else None

    def _headers(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        signed = signed_headers(self._credentials, SERVICE, method, self.settings.url + path, body)
        return {**signed, "Content-Type": "application/xml"} if body else signed

    def _is_accepted(self, reply: Reply) -> bool:
        return reply.status == 201 and bool(_value(reply, "Id")) and bool(_value(reply, "Status"))

    def _is_known(self, reply: Reply) -> bool:
        return False

    def _is_busy(self, reply: Reply) -> bool:
        return _value(reply, "Code") in BUSY

    def _said(self, reply: Reply) -> str:
        return ": ".join(filter(None, (_value(reply, "Code"), _value(reply, "Message"))))


def _path(order: PurgeOrder) -> list[str]:
    path = encoded(order.target.path, _UNSAFE)
    return [path] if len(path) <= MAX_PATH else [_beginning(path)]


def _beginning(path: str) -> str:
    """A wildcard for a path that is too long to be named: what begins alike is purged with it."""
    cut = path[: MAX_PATH - 1]
    return re.sub("%.?$", "", cut) + "*"


def _prefix(order: PurgeOrder) -> list[str]:
    return [_beginning(encoded(order.target.path, _UNSAFE))]


def _tag(order: PurgeOrder) -> list[str]:
    return [f"#{order.tag}"]


def _batch(items: Sequence[str], reference: str) -> bytes:
    paths = "".join(f"<Path>{html.escape(item, quote=False)}</Path>" for item in items)
    return (
        f'<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/{VERSION}/">'
        f"<Paths><Quantity>{len(items)}</Quantity><Items>{paths}</Items></Paths>"
        f"<CallerReference>{reference}</CallerReference></InvalidationBatch>"
    ).encode()


def _value(reply: Reply, name: str) -> str:
    """The text of the first element of that name. Its answers are flat enough that no parser of XML need be trusted."""
    found = re.search(rf"<{name}>([^<]{{1,500}})</{name}>", reply.body.decode("utf-8", "replace"))
    return html.unescape(found[1]) if found else ""

"""Amazon CloudFront: CreateInvalidation, and GetInvalidation until it is completed (docs.aws.amazon.com/cloudfront/
latest/APIReference, and the Developer Guide's "Invalidate files" and "Invalidating content by cache tags").

A path there has no host: it is purged at every host of the distribution, in every variant. Non-ASCII characters and
those that RFC 1738 calls unsafe have to be percent-encoded, and no others: `%2A` would not purge a path with `*`. As
the last character `*` is a wildcard, which stands for itself too; elsewhere it is literal.
"""

import html
import re
from collections.abc import Sequence

from edgeward.caches.base import Abilities, Purged
from edgeward.caches.batches import BatchLimits
from edgeward.caches.cdn_client import CdnResponse
from edgeward.caches.cdn_driver import CdnDriver
from edgeward.caches.idempotency_keys import IdempotencyKeys
from edgeward.caches.sigv4 import Credentials, Service, signed_headers
from edgeward.caches.urls import Unsendable, encoded
from edgeward.settings.cache_settings import CacheSettings, CloudFrontCache
from edgeward.types import Delivery, PurgeOrder, Scope

VERSION = "2020-05-31"
SERVICE = Service("cloudfront", "us-east-1")
LIMITS = BatchLimits(1000)
"""3,000 paths of a distribution may be in progress at a time, including those of other clients."""
WILDCARD_LIMITS = BatchLimits(15)
"""Paths with a wildcard that may be in progress at a time."""
MAX_PATH_CHARS = 4000
BUSY_CODES = frozenset(
    (
        "TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
        "RequestThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "LimitExceededException",
        "PriorRequestNotComplete", "BandwidthLimitExceeded", "SlowDown",
    )
)  # fmt: skip
"""Error codes that mean "try again later", whatever the status: those that AWS's clients retry, and its own."""
STATES = frozenset(("InProgress", "Completed"))
"""Of an invalidation."""
_UNSAFE = re.compile(r"""[^\x21-\x7e]|["<>#{}|\\^~\[\]`]""")


class CloudFront(CdnDriver):
    """One distribution. Its invalidations take effect within seconds to minutes.

    Purges by tag require that its CacheTagConfig names the header Cache-Tag.
    """

    name = "cloudfront"
    credential_settings = "access_key, secret_key and session_token (and the clock)"
    resource_settings = "distribution"
    abilities = Abilities(all_variants=True, prefix=True, tag=True, repeat_seconds=5, batch=1000)
    settings: CloudFrontCache

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        own = self.settings
        self._credentials = Credentials(own.access_key, own.secret_key, own.session_token)
        self._path = f"/{VERSION}/distribution/{own.distribution}/invalidation"
        self._keys = IdempotencyKeys()

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        wild = [_is_wildcard(order) for order in orders]
        purged = {
            is_wild: iter(
                await self._purge_in_batches(
                    [order for order, one in zip(orders, wild, strict=True) if one is is_wild],
                    _path_items,
                    lambda paths: self._invalidate(Scope.TARGET, paths),
                    limits,
                )
            )
            for is_wild, limits in ((False, LIMITS), (True, WILDCARD_LIMITS))
        }
        return [next(purged[is_wild]) for is_wild in wild]

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_in_batches(
            orders, _prefix_item, lambda paths: self._invalidate(Scope.PREFIX, paths), WILDCARD_LIMITS
        )

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_in_batches(orders, _tag_item, lambda tags: self._invalidate(Scope.TAG, tags), LIMITS)

    async def _invalidate(self, scope: Scope, items: Sequence[str]) -> Purged:
        body = _invalidation_batch(items, self._keys.key(items))
        response = await self._send_purge(scope, "POST", self._path, self._headers("POST", self._path, body), body)
        purged = self._outcome(response)
        # Not reached when the response is missing or "later": `_outcome` raises then, and the retry has the same key.
        self._keys.answered(items)
        invalidation_id = _xml_text(response, "Id")
        if purged.delivery is Delivery.REFUSED or not invalidation_id.isalnum():
            return purged
        return await self._poll(lambda: self._completed(invalidation_id), purged)

    async def _completed(self, invalidation_id: str) -> Purged | None:
        path = f"{self._path}/{invalidation_id}"
        response = await self._send("GET", path, self._headers("GET", path))
        done = response.status == 200 and _xml_text(response, "Status") == "Completed"
        return Purged(Delivery.DELIVERED, response.status, "completed") if done else None

    def _headers(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        # A signature holds the time and is valid for minutes: each call, polls included, is signed anew.
        signed = signed_headers(self._credentials, SERVICE, method, self.settings.url + path, body)
        return {**signed, "Content-Type": "application/xml"} if body else signed

    def _is_accepted(self, response: CdnResponse) -> bool:
        return response.status == 201 and bool(_xml_text(response, "Id")) and _xml_text(response, "Status") in STATES

    def _is_from_api(self, response: CdnResponse) -> bool:
        # CloudFront sends its refusals with 4xx, never with 2xx.
        return False

    def _is_busy(self, response: CdnResponse) -> bool:
        return _xml_text(response, "Code") in BUSY_CODES

    def _error_detail(self, response: CdnResponse) -> str:
        return ": ".join(filter(None, (_xml_text(response, "Code"), _xml_text(response, "Message"))))


def _path_items(order: PurgeOrder) -> list[str]:
    """The path with its query, and without: a cache policy may leave the query out of the key."""
    path = encoded(order.target.path, _UNSAFE)
    return [_shortened(path), _shortened(path.partition("?")[0])]


def _shortened(path: str) -> str:
    return path if len(path) <= MAX_PATH_CHARS else _wildcard(path)


def _is_wildcard(order: PurgeOrder) -> bool:
    """Whether one of its paths is a wildcard."""
    try:
        return any(path.endswith("*") for path in _path_items(order))
    except Unsendable:
        return False


def _wildcard(path: str) -> str:
    """A wildcard path for all that begin with `path`, cut to the longest path that is allowed."""
    cut = path[: MAX_PATH_CHARS - 1]
    # Not in the middle of a percent-encoded byte.
    return re.sub("%.?$", "", cut) + "*"


def _prefix_item(order: PurgeOrder) -> list[str]:
    return [_wildcard(encoded(order.target.path, _UNSAFE))]


def _tag_item(order: PurgeOrder) -> list[str]:
    return [f"#{order.tag}"]


def _invalidation_batch(items: Sequence[str], reference: str) -> bytes:
    paths = "".join(f"<Path>{html.escape(item, quote=False)}</Path>" for item in items)
    return (
        f'<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/{VERSION}/">'
        f"<Paths><Quantity>{len(items)}</Quantity><Items>{paths}</Items></Paths>"
        f"<CallerReference>{reference}</CallerReference></InvalidationBatch>"
    ).encode()


def _xml_text(response: CdnResponse, name: str) -> str:
    """The text of the first element of that name, "" without one."""
    # The responses are flat enough to do without an XML parser, and without its risks on untrusted input.
    match = re.search(rf"<{name}>([^<]{{1,500}})</{name}>", response.body.decode("utf-8", "replace"))
    return html.unescape(match[1]) if match else ""

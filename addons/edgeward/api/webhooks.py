"""Takedowns by signed requests (Standard Webhooks, specification 1.0), sent by a host's or a site's own software.

The signature is the base64 of HMAC-SHA256 over "id.timestamp.body". What the headers alone show to be wrong is refused
before the body is read: an unknown sender, no signature that can be one, an old timestamp. Each refusal reads alike, so
that it does not say which part was wrong. The reason is in a metric.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

from aiohttp import web

from edgeward import metrics
from edgeward.access.tokens import Unauthenticated
from edgeward.api import context, requests
from edgeward.api.takedowns import Places, parse_places, parse_takedown, require_list, respond
from edgeward.errors import Forbidden
from edgeward.operations.takedowns import Requester
from edgeward.settings.config import WebhookSettings
from edgeward.sightings.url_normalization import host_matches

TOLERANCE_SECONDS = 300.0
"""How far a request's timestamp may be off."""
MAX_ID_LENGTH = 256
MAX_SIGNATURES = 20
SECRET_PREFIX = "whsec_"  # noqa: S105 (a prefix, not a secret)
SIGNATURE_PREFIX = "v1,"


@dataclass(frozen=True, slots=True)
class Signature:
    """What the headers of a signed request say."""

    message_id: str
    timestamp: str
    digests: tuple[bytes, ...]
    """One for each signature. There are several while a secret is being replaced."""

    def start(self, key: bytes) -> hmac.HMAC:
        """The HMAC of what is signed, up to the body."""
        signed = ".".join((self.message_id, self.timestamp, "")).encode("utf-8", "surrogateescape")
        return hmac.new(key, signed, hashlib.sha256)

    def confirms(self, expected: bytes) -> bool:
        """Whether one of the digests is the expected one. All are compared, each in constant time."""
        return sum([hmac.compare_digest(digest, expected) for digest in self.digests]) > 0


async def take_down(request: web.Request) -> web.Response:
    """POST /webhooks/{name}/takedowns. Sent again under the same webhook-id, it is the takedown recorded first."""
    requests.parse_query(request, requests.NoQuery)
    services = context.services(request)
    sender = _sender(services.config.webhooks, request.match_info["name"])
    signature = _signature(request.headers)
    text = await _signed_body(request, sender, signature)
    body = requests.parse_json(text, requests.TakedownBody)
    key = f"webhook:{sender.name}:{signature.message_id}"
    # Images that are not listed are purged at the sender's hosts only: other hosts may serve them rightfully.
    hosts = () if body.list or "*" in sender.hosts else sender.hosts
    places = parse_places(body)
    # Before anything is looked up: the sender learns nothing about lists that are not its own.
    _authorize(sender, places, body.list)
    await require_list(services, body)
    requester = Requester(f"webhook:{sender.name}", "webhook", hosts, key)
    return await respond(services, parse_takedown(body, places), requester, timeout=None)


def _sender(webhooks: tuple[WebhookSettings, ...], name: str) -> WebhookSettings:
    return next((each for each in webhooks if each.name == name), None) or _refuse("unknown")


def _signature(headers: Mapping[str, str]) -> Signature:
    """What the headers say. Raises Unauthenticated if they can't be those of a request that is signed now."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    digests = tuple(_digests(headers.get("webhook-signature", "")))
    if not digests or not 0 < len(message_id) <= MAX_ID_LENGTH or not message_id.isprintable():
        _refuse("signature")
    if not timestamp.isascii() or not timestamp.isdigit() or abs(time.time() - int(timestamp[:16])) > TOLERANCE_SECONDS:
        _refuse("stale")
    return Signature(message_id, timestamp, digests)


async def _signed_body(request: web.Request, sender: WebhookSettings, signature: Signature) -> bytes:
    """The body. Raises Unauthenticated unless the sender signed it; nothing of it is parsed before."""
    code = signature.start(key_of(sender.secret))
    text = await requests.read_body(request, requests.MAX_WEBHOOK_BYTES, code.update)
    if not signature.confirms(code.digest()):
        _refuse("signature")
    return text


def _refuse(reason: str) -> NoReturn:
    metrics.webhook_refusals.labels(reason).inc()
    raise Unauthenticated("the request is not signed as required")


def _digests(header: str) -> Iterator[bytes]:
    """The digests of the first signatures in the header that can be those of an HMAC-SHA256."""
    for signature in header.split(" ")[:MAX_SIGNATURES]:
        if signature.startswith(SIGNATURE_PREFIX):
            digest = _decoded(signature.removeprefix(SIGNATURE_PREFIX))
            if len(digest) == hashlib.sha256().digest_size:
                yield digest


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def key_of(secret: str) -> bytes:
    """The key of a secret: decoded base64 after "whsec_", else the text itself."""
    if secret.startswith(SECRET_PREFIX):
        text = secret.removeprefix(SECRET_PREFIX)
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _authorize(sender: WebhookSettings, places: Places, list_name: str | None) -> None:
    """Raises Forbidden if a URL, a prefix or the list is not the sender's."""
    if not all(host_matches(target.host, sender.hosts) for target in (*places.urls, *places.prefixes)):
        _forbid("host")
    if list_name and list_name not in sender.lists:
        _forbid("list")


def _forbid(reason: str) -> None:
    metrics.webhook_refusals.labels(reason).inc()
    raise Forbidden("the sender may not take that down")

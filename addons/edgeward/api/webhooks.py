"""Takedowns by signed requests (Standard Webhooks, specification 1.0), sent by a host's or a site's own software.

The signature is the base64 of HMAC-SHA256 over "id.timestamp.body". A refusal says only that the request is refused:
not which senders are configured, nor which part was wrong. The reason is in a metric.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

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
UNKNOWN_SENDER = WebhookSettings(name="unknown", secret="x" * 32, hosts=("",))
"""Stands in for an unknown sender: its signature is checked too, so that timing does not reveal who is configured."""


async def take_down(request: web.Request) -> web.Response:
    """POST /webhooks/{name}/takedowns. Sent again under the same webhook-id, it is the takedown recorded first."""
    requests.parse_query(request, requests.NoQuery)
    text = await requests.read_body(request, requests.MAX_TAKEDOWN_BYTES)
    services = context.services(request)
    sender = _sender(services.config.webhooks, request.match_info["name"])
    _authenticate(sender, request.headers, text)
    body = requests.parse_json(text, requests.TakedownBody)
    key = f"webhook:{sender.name}:{request.headers['webhook-id']}"
    # Images that are not listed are purged at the sender's hosts only: other hosts may serve them rightfully.
    hosts = () if body.list or "*" in sender.hosts else sender.hosts
    places = parse_places(body)
    # Before anything is looked up: the sender learns nothing about lists that are not its own.
    _authorize(sender, places, body.list)
    await require_list(services, body)
    requester = Requester(f"webhook:{sender.name}", "webhook", hosts, key)
    return await respond(services, parse_takedown(body, places), requester, timeout=None)


def _sender(webhooks: tuple[WebhookSettings, ...], name: str) -> WebhookSettings:
    return next((each for each in webhooks if each.name == name), UNKNOWN_SENDER)


def _authenticate(sender: WebhookSettings, headers: Mapping[str, str], body: bytes) -> None:
    """Raises Unauthenticated unless the sender signed the request, within TOLERANCE_SECONDS."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed = ".".join((message_id, timestamp, "")).encode("utf-8", "surrogateescape") + body
    expected = hmac.digest(key_of(sender.secret), signed, hashlib.sha256)
    is_signed = _has_signature(expected, headers.get("webhook-signature", ""))
    # Only now, so that an unknown sender takes as long as a wrong signature.
    if sender is UNKNOWN_SENDER:
        _refuse("unknown")
    if not is_signed or not 0 < len(message_id) <= MAX_ID_LENGTH or not message_id.isprintable():
        _refuse("signature")
    if not timestamp.isascii() or not timestamp.isdigit() or abs(time.time() - int(timestamp[:16])) > TOLERANCE_SECONDS:
        _refuse("stale")


def _refuse(reason: str) -> None:
    metrics.webhook_refusals.labels(reason).inc()
    raise Unauthenticated("the request is not signed as required")


def _has_signature(expected: bytes, header: str) -> bool:
    """Whether one of the header's signatures is the expected one. All are compared, each in constant time.

    There are several while a secret is being replaced.
    """
    found = False
    for signature in header.split(" ")[:MAX_SIGNATURES]:
        if signature.startswith(SIGNATURE_PREFIX):
            found |= hmac.compare_digest(_decoded(signature.removeprefix(SIGNATURE_PREFIX)), expected)
    return found


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

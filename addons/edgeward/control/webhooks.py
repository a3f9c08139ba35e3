"""Takedowns by a signed request (Standard Webhooks, specification 1.0): the sender's own software says what is gone.

The signature is the base64 of HMAC-SHA256 over "id.timestamp.body". Whoever has no right to what is asked learns that,
and no more: not which sender is known, nor which part was wrong.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

from aiohttp import web

from edgeward import metrics
from edgeward.config import WebhookSettings
from edgeward.control import bodies, takedowns
from edgeward.control.auth import Unauthenticated
from edgeward.control.services import services
from edgeward.errors import Forbidden
from edgeward.takedown.removals.reach import is_among
from edgeward.takedown.removals.takedowns import Takedown

TOLERANCE_SECONDS = 300.0
"""How old or early a request may be."""
MAX_ID = 256
MAX_SIGNATURES = 20
SECRET_PREFIX = "whsec_"  # noqa: S105 (what a secret begins with)
VERSION = "v1,"
NOBODY = WebhookSettings(name="nobody", secret="x" * 32, hosts=("",))
"""Stands in for a sender who is not known, so that being unknown takes as long as being wrong."""


async def take_down(request: web.Request) -> web.Response:
    """POST /webhooks/{name}/takedowns. Sent again under the same webhook-id it answers with the first takedown."""
    bodies.query(request, bodies.NoQuery)
    text = await bodies.read(request, bodies.MAX_TAKEDOWN_BYTES)
    within = services(request)
    sender = _sender(within.config.webhooks, request.match_info["name"])
    _authenticate(sender, request.headers, text)
    body = bodies.parsed(text, bodies.Takedown)
    key = f"webhook:{sender.name}:{request.headers['webhook-id']}"
    # What is not listed may be served by others too, who have not asked for anything.
    hosts = () if body.list or "*" in sender.hosts else sender.hosts
    who = Takedown(by=f"webhook:{sender.name}", way="webhook", at=time.time(), hosts=hosts, key=key)
    _authorize(sender, body)
    return await takedowns.answer(within, await takedowns.understood(within, body, who), bodies.Wait())


def _sender(webhooks: tuple[WebhookSettings, ...], name: str) -> WebhookSettings:
    return next((each for each in webhooks if each.name == name), NOBODY)


def _authenticate(sender: WebhookSettings, headers: Mapping[str, str], body: bytes) -> None:
    """Raises Unauthenticated unless the request is the sender's own, and new."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed = ".".join((message_id, timestamp, "")).encode("utf-8", "surrogateescape") + body
    expected = hmac.digest(key_of(sender.secret), signed, hashlib.sha256)
    right = _is_among(expected, headers.get("webhook-signature", ""))
    if sender is NOBODY:
        _refuse("unknown")
    if not right or not 0 < len(message_id) <= MAX_ID or not message_id.isprintable():
        _refuse("signature")
    if not timestamp.isascii() or not timestamp.isdigit() or abs(time.time() - int(timestamp[:16])) > TOLERANCE_SECONDS:
        _refuse("stale")


def _refuse(reason: str) -> None:
    metrics.webhook_refusals.labels(reason).inc()
    raise Unauthenticated("the request is not signed as it must be")


def _is_among(expected: bytes, header: str) -> bool:
    """Whether one of the signatures of the header is the expected one. All are compared, each in constant time."""
    found = False
    for signature in header.split(" ")[:MAX_SIGNATURES]:
        if signature.startswith(VERSION):
            found |= hmac.compare_digest(_decoded(signature.removeprefix(VERSION)), expected)
    return found


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def key_of(secret: str) -> bytes:
    """The bytes of a secret: base64 after "whsec_", else the text itself."""
    if secret.startswith(SECRET_PREFIX):
        text = secret.removeprefix(SECRET_PREFIX)
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _authorize(sender: WebhookSettings, body: bodies.Takedown) -> None:
    """Raises Forbidden where the sender speaks of what is not theirs."""
    places = [bodies.target(url) for url in body.urls] + [bodies.target(url, "prefixes") for url in body.prefixes]
    if not all(is_among(place.host, sender.hosts) for place in places):
        _forbid("host")
    if body.list and body.list not in sender.lists:
        _forbid("list")


def _forbid(reason: str) -> None:
    metrics.webhook_refusals.labels(reason).inc()
    raise Forbidden("the sender may not take that down")

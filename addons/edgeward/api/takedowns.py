"""Takedowns: requests of a host, a site's software or a person to remove images from every cache."""

from itertools import chain
from typing import NamedTuple

from aiohttp import web

from edgeward.api import context, preview_serializers, requests, serializers
from edgeward.hashing import signals
from edgeward.operations import lists, takedowns
from edgeward.operations.purge_preview import preview
from edgeward.operations.services import Services
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.operations.urls import parse_prefix, parse_written_urls
from edgeward.types import Target

MAX_KEY_LENGTH = 200


class Places(NamedTuple):
    """The URLs and prefixes of a request, each once. `written`: by URL, the targets that it stands for."""

    written: tuple[tuple[Target, ...], ...]
    prefixes: tuple[Target, ...]

    @property
    def urls(self) -> tuple[Target, ...]:
        return tuple(dict.fromkeys(chain.from_iterable(self.written)))


async def create(request: web.Request) -> web.Response:
    """POST /takedowns. It is on record before its first order is placed."""
    query = requests.parse_query(request, requests.OrdersQuery)
    body = await requests.parse_body(request, requests.TakedownBody, requests.MAX_TAKEDOWN_BYTES)
    services, who = context.services(request), context.caller(request).name
    requester = Requester(who, "api", key=_idempotency_key(request, who))
    await require_list(services, body)
    asked = parse_takedown(body, parse_places(body))
    if query.dry_run:
        return web.json_response(preview_serializers.purge_preview(await preview(services, asked)))
    return await respond(services, asked, requester, query.seconds)


async def index(request: web.Request) -> web.Response:
    """GET /takedowns, newest first."""
    limit = requests.parse_query(request, requests.LimitQuery).limit
    found = await takedowns.recent(context.services(request), limit)
    return web.json_response({"takedowns": [serializers.takedown(each) for each in found]})


async def require_list(services: Services, body: requests.TakedownBody) -> None:
    """An unknown list is 404 even if a URL or a hash is malformed. Raises NotFound."""
    if body.list:
        await lists.get(services, body.list)


def parse_places(body: requests.TakedownBody) -> Places:
    """Raises InvalidValue if a URL or a prefix is malformed; the message names it."""
    return Places(parse_written_urls(body.urls), tuple(dict.fromkeys(map(parse_prefix, body.prefixes))))


def parse_takedown(body: requests.TakedownBody, places: Places) -> TakedownRequest:
    """What `body` asks for, with its URLs and prefixes as parsed. Raises BadSignal if a hash is malformed."""
    hashes = tuple(dict.fromkeys(map(signals.parse, body.hashes)))
    return TakedownRequest(places.urls, places.prefixes, hashes, body.list or "", body.why, places.written)


async def respond(
    services: Services, asked: TakedownRequest, requester: Requester, timeout: float | None
) -> web.Response:
    """Record the takedown and answer 202 when its orders are placed or, with `timeout` (seconds), carried out."""
    result = await takedowns.create(services, asked, requester, timeout)
    return web.json_response(serializers.takedown_result(result), status=202)


def _idempotency_key(request: web.Request, who: str) -> str:
    """The key of the header Idempotency-Key, made unique to the caller; "" if there is none."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise requests.BadBody(f"Idempotency-Key: longer than {MAX_KEY_LENGTH} characters, or not printable", "")
    return f"token:{who}:{key}" if key else ""

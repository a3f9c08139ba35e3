"""Takedowns: what a host, a site's own software or a person says is gone is ordered out of every cache."""

import secrets
import time

from aiohttp import web

from edgeward import metrics
from edgeward.control import bodies, settled, views
from edgeward.control.services import Services, caller, services
from edgeward.hashing import signals
from edgeward.takedown.removals.takedowns import PREFIX, Takedown

PLACING_SECONDS = 1.0
"""How long an answer waits for the orders: those that need longer go on, and the answer says so."""
IDS = 1000
"""Ids of orders in one answer."""
MAX_KEY = 200


async def create(request: web.Request) -> web.Response:
    """POST /takedowns. It is on record before its first order is placed."""
    wait = bodies.query(request, bodies.Wait)
    body = await bodies.parse(request, bodies.Takedown, bodies.MAX_TAKEDOWN_BYTES)
    within, who = services(request), caller(request).name
    key = _key(request, who)
    asked = await understood(within, body, Takedown(by=who, way="api", at=time.time(), key=key))
    return await answer(within, asked, wait)


async def index(request: web.Request) -> web.Response:
    """GET /takedowns, newest first."""
    limit = bodies.query(request, bodies.Limit).limit
    found = await services(request).takedowns.recent(limit)
    return web.json_response({"takedowns": [views.takedown(*each) for each in found]})


async def understood(within: Services, body: bodies.Takedown, asker: Takedown) -> Takedown:
    """What `body` asks for, by `asker`. Every part of it is looked at before any is done.

    Raises:
        BadBody, BadSignal: a URL, a prefix or a hash is none; they are named.
        NotFound: there is no such list.
    """
    if body.list:
        await within.catalogue.get_list(body.list)
    return Takedown(
        id=PREFIX + secrets.token_hex(8),
        by=asker.by,
        way=asker.way,
        at=asker.at,
        key=asker.key,
        why=body.why,
        urls=tuple(dict.fromkeys(map(bodies.target, body.urls))),
        prefixes=tuple(dict.fromkeys(bodies.target(url, "prefixes") for url in body.prefixes)),
        signals=tuple(dict.fromkeys(map(signals.parse, body.hashes))),
        list=body.list or "",
        hosts=asker.hosts,
        version=await within.catalogue.version(),
    )


async def answer(within: Services, asked: Takedown, wait: bodies.Wait) -> web.Response:
    """Put it on record, and answer 202 when its orders are placed, or verified, or the time is up."""
    takedown, is_new = await within.takedowns.create(asked)
    if is_new:
        metrics.takedowns.labels(takedown.way).inc()
        within.placer.wake()
    seconds = wait.timeout if wait.wait else PLACING_SECONDS
    state = await settled.taken_down(within, takedown.id, seconds, verified=bool(wait.wait))
    found, progress = await within.takedowns.get(takedown.id)
    ids = await within.takedowns.orders(takedown.id, limit=IDS)
    return web.json_response({**views.takedown(found, progress), "order_ids": ids, "purge": state}, status=202)


def _key(request: web.Request, who: str) -> str:
    """The idempotency key that was sent, if any. Two callers never share one."""
    sent = request.headers.get("Idempotency-Key", "")
    if len(sent) > MAX_KEY or not sent.isprintable():
        raise bodies.BadBody(f"Idempotency-Key: more than {MAX_KEY} characters, or one that can't be printed", "")
    return f"token:{who}:{sent}" if sent else ""

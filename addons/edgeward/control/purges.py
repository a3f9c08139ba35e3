"""Purges: orders to remove targets from the caches, and what each cache made of them."""

import time

from aiohttp import web

from edgeward.control import bodies, views
from edgeward.control.services import Services, caller, services
from edgeward.types import Cause, PurgeOrder, Target

VARIANTS = 1000
"""Variants of one URL that a purge by hand looks up."""


async def index(request: web.Request) -> web.Response:
    """GET /purges, newest first."""
    limit = bodies.query(request, bodies.Limit).limit
    within = services(request)
    found = await within.orders.recent(limit)
    return web.json_response({"purges": [views.purge(*each, within.caches) for each in found]})


async def show(request: web.Request) -> web.Response:
    """GET /purges/{id}"""
    bodies.query(request, bodies.NoQuery)
    return web.json_response(await _purge(services(request), request.match_info["id"]))


async def create(request: web.Request) -> web.Response:
    """POST /purges: every variant of each URL, whether it was seen or not."""
    wait = bodies.query(request, bodies.Wait)
    asked = await bodies.parse(request, bodies.Urls)
    within = services(request)
    now = time.time()
    targets = [target for url in dict.fromkeys(asked.urls) for target in await _variants(within, url)]
    who = caller(request).name
    orders = [PurgeOrder(target, Cause.MANUAL, now, why=asked.why, by=who) for target in targets]
    ids = await within.orders.place(orders)
    if wait.wait:
        await within.orders.wait_done(ids, within.caches, wait.timeout)
    return web.json_response({"purges": [await _purge(within, each) for each in ids]}, status=202)


async def _variants(within: Services, url: str) -> list[Target]:
    """Each variant that was seen, and the plain target: for what was never seen, and caches that drop all variants."""
    plain = bodies.target(url)
    seen = await within.sightings.find(url=plain.url, limit=VARIANTS)
    return list(dict.fromkeys([*(each.target for each in seen), plain]))


async def _purge(within: Services, order_id: str) -> views.Json:
    order, outcomes = await within.orders.get(order_id)
    return views.purge(order, outcomes, within.caches)

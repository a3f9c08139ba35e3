"""Purges: orders to remove targets from the caches, and what each cache made of them."""

import time

from aiohttp import web

from edgeward.control import bodies, views
from edgeward.control.services import Services, caller, services
from edgeward.takedown.backwards.retro import WORKERS_SECONDS
from edgeward.types import Cause, PurgeOrder, Target


async def index(request: web.Request) -> web.Response:
    """GET /purges, newest first."""
    limit = bodies.query(request, bodies.Limit).limit
    within = services(request)
    found = await within.orders.recent(limit)
    return web.json_response({"purges": [views.purge(*each, within.caches) for each in found]})


async def show(request: web.Request) -> web.Response:
    """GET /purges/{id}"""
    bodies.query(request, bodies.NoQuery)
    within = services(request)
    order, outcomes = await within.orders.get(request.match_info["id"])
    return web.json_response(views.purge(order, outcomes, within.caches))


async def create(request: web.Request) -> web.Response:
    """POST /purges: every spelling and variant of each URL that was seen, and the URL as it was given."""
    wait = bodies.query(request, bodies.Wait)
    asked = await bodies.parse(request, bodies.Urls)
    within = services(request)
    now = time.time()
    await within.catalogue.wait_recorded(WORKERS_SECONDS)
    targets = [target for url in dict.fromkeys(asked.urls) for target in await _spellings(within, url)]
    who = caller(request).name
    orders = [PurgeOrder(target, Cause.MANUAL, now, why=asked.why, by=who) for target in dict.fromkeys(targets)]
    ids = await within.orders.place(orders)
    if wait.wait:
        await within.orders.wait_done(ids, within.caches, wait.timeout)
    known = await within.orders.of(ids)
    return web.json_response({"purges": [views.purge(*each, within.caches) for each in known]}, status=202)


async def _spellings(within: Services, url: str) -> list[Target]:
    """All that were seen, and the plain target: for what was never seen, and caches that drop all variants."""
    plain = bodies.target(url)
    return list(dict.fromkeys([*await within.reach.spellings(plain), plain]))

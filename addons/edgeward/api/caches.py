"""Caches: what each owes, also those that only the store knows; and writing one off."""

from dataclasses import asdict

from aiohttp import web

from edgeward.api import context, requests
from edgeward.operations import caches


async def index(request: web.Request) -> web.Response:
    """GET /caches"""
    requests.parse_query(request, requests.NoQuery)
    found = await caches.index(context.services(request))
    return web.json_response({"caches": [asdict(each) for each in found]})


async def forget(request: web.Request) -> web.Response:
    """POST /caches/forget"""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, requests.ForgetCacheBody)
    services, who = context.services(request), context.caller(request).name
    found = await caches.forget(services, body.name, who, body.why)
    return web.json_response({"name": body.name, "forgotten": asdict(found) if found else None})

"""Caches: what each owes, also those that only the store knows; writing one off; and that one was emptied."""

from dataclasses import asdict

from aiohttp import web

from edgeward.api import context, requests
from edgeward.operations import cache_keys, caches


async def index(request: web.Request) -> web.Response:
    """GET /caches"""
    requests.parse_query(request, requests.NoQuery)
    found = await caches.index(context.services(request))
    return web.json_response({"caches": [asdict(each) for each in found]})


async def forget(request: web.Request) -> web.Response:
    """POST /caches/forget"""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, requests.CacheBody)
    services, who = context.services(request), context.caller(request).name
    found = await caches.forget(services, body.name, who, body.why)
    return web.json_response({"name": body.name, "forgotten": asdict(found) if found else None})


async def emptied(request: web.Request) -> web.Response:
    """POST /caches/emptied"""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, requests.CacheBody)
    services, who = context.services(request), context.caller(request).name
    return web.json_response(
        {"name": body.name, "emptied": await cache_keys.emptied(services, body.name, who, body.why)}
    )

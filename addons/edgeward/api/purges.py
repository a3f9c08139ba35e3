"""Purges: orders to remove targets from the caches, and what each cache did with them."""

from aiohttp import web

from edgeward.api import context, requests, serializers
from edgeward.operations import purges
from edgeward.operations.urls import parse_written_urls


async def index(request: web.Request) -> web.Response:
    """GET /purges, newest first."""
    limit = requests.parse_query(request, requests.LimitQuery).limit
    found = await purges.recent(context.services(request), limit)
    return web.json_response({"purges": [serializers.purge(each) for each in found]})


async def show(request: web.Request) -> web.Response:
    """GET /purges/{id}"""
    requests.parse_query(request, requests.NoQuery)
    found = await purges.get(context.services(request), request.match_info["id"])
    return web.json_response(serializers.purge(found))


async def create(request: web.Request) -> web.Response:
    """POST /purges: every form and variant of each URL that was seen, and the URL as browsers request it."""
    wait = requests.parse_query(request, requests.WaitQuery)
    body = await requests.parse_body(request, requests.PurgeBody)
    written = parse_written_urls(body.urls)
    services, who = context.services(request), context.caller(request).name
    ordered = await purges.create(services, written, who, body.why, wait.seconds)
    return web.json_response(serializers.purges_ordered(ordered), status=202)


async def retry(request: web.Request) -> web.Response:
    """POST /purges/retry: what a cache refused or owes is tried again now, in every controller."""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, requests.PurgeRetryBody)
    services, who = context.services(request), context.caller(request).name
    found = await purges.retry(services, body.cache, who, body.why)
    caches = {name: {"refused": each.refused, "owed": each.owed} for name, each in found.items()}
    return web.json_response({"caches": caches}, status=202)

"""Purges: orders to remove targets from the caches, and what each cache did with them."""

from itertools import chain

from aiohttp import web

from edgeward.api import context, preview_serializers, requests, serializers
from edgeward.operations import purges
from edgeward.operations.purge_preview import preview
from edgeward.operations.takedowns import TakedownRequest
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
    query = requests.parse_query(request, requests.OrdersQuery)
    body = await requests.parse_body(request, requests.PurgeBody)
    written = parse_written_urls(body.urls)
    services, who = context.services(request), context.caller(request).name
    if query.dry_run:
        urls = tuple(dict.fromkeys(chain.from_iterable(written)))
        found = await preview(services, TakedownRequest(urls, written=written), both_schemes=False)
        return web.json_response(preview_serializers.purge_preview(found))
    ordered = await purges.create(services, written, who, body.why, query.seconds)
    return web.json_response(serializers.purges_ordered(ordered), status=202)


async def retry(request: web.Request) -> web.Response:
    """POST /purges/retry: what a cache refused or owes is tried again now, in every controller."""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, requests.PurgeRetryBody)
    services, who = context.services(request), context.caller(request).name
    found = await purges.retry(services, body.cache, who, body.why)
    caches = {name: {"refused": each.refused, "owed": each.owed} for name, each in found.items()}
    return web.json_response({"caches": caches}, status=202)

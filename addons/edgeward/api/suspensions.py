"""Entries that matched too many different images, and were set to monitor."""

from aiohttp import web

from edgeward.api import context, requests, serializers
from edgeward.operations import suspensions


async def index(request: web.Request) -> web.Response:
    """GET /suspended, oldest first."""
    requests.parse_query(request, requests.NoQuery)
    found = await suspensions.index(context.services(request))
    shown = [{**serializers.entry(each.entry), "suspended_at": each.at, "images": each.images} for each in found]
    return web.json_response({"suspended": shown})


async def confirm(request: web.Request) -> web.Response:
    """POST /suspended/{id}/confirm: the entry blocks again. Answers when every live process acts on it."""
    body = await requests.parse_body(request, requests.DecisionBody)
    services, who = context.services(request), context.caller(request).name
    done = await suspensions.confirm(services, request.match_info["id"], who, body.why)
    return web.json_response({"entry": serializers.entry(done.entry), **serializers.change_status(done.change)})

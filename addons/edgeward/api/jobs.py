"""Jobs: how far imports are, and whether what they listed is gone from the caches."""

from aiohttp import web

from edgeward.api import context, requests, serializers
from edgeward.operations import imports


async def index(request: web.Request) -> web.Response:
    """GET /jobs, newest first."""
    limit = requests.parse_query(request, requests.LimitQuery).limit
    found = await imports.recent(context.services(request), limit)
    return web.json_response({"jobs": [serializers.import_status(each) for each in found]})


async def show(request: web.Request) -> web.Response:
    """GET /jobs/{id}"""
    wait = requests.parse_query(request, requests.WaitQuery)
    status = await imports.get(context.services(request), request.match_info["id"], wait.seconds)
    return web.json_response(serializers.import_status(status))

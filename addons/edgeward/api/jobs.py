"""Jobs: how far imports are, and whether what they listed is gone from the caches."""

from aiohttp import web

from edgeward.api import act_serializers, context, import_serializers, requests
from edgeward.operations import imports


async def index(request: web.Request) -> web.Response:
    """GET /jobs, newest first."""
    limit = requests.parse_query(request, requests.LimitQuery).limit
    found = await imports.recent(context.services(request), limit)
    return web.json_response({"jobs": [import_serializers.import_status(each) for each in found]})


async def show(request: web.Request) -> web.Response:
    """GET /jobs/{id}"""
    wait = requests.parse_query(request, requests.WaitQuery)
    status = await imports.get(context.services(request), request.match_info["id"], wait.seconds)
    return web.json_response(import_serializers.import_status(status))


async def cancel(request: web.Request) -> web.Response:
    """DELETE /jobs/{id}: stop an import and take back what it has done; 202 if that goes on."""
    query = requests.parse_query(request, requests.UndoQuery)
    services, who = context.services(request), context.caller(request).name
    result = await imports.cancel(services, request.match_info["id"], who, query.why, query.timeout)
    return web.json_response(act_serializers.undo_result(result), status=200 if result.act.done_at else 202)

"""Acts: what one request, takedown or import has listed, and how to take all of it back."""

from aiohttp import web

from edgeward.api import act_serializers, context, requests
from edgeward.operations import undo


async def show(request: web.Request) -> web.Response:
    """GET /acts/{id}"""
    requests.parse_query(request, requests.NoQuery)
    found = await undo.get(context.services(request), request.match_info["id"])
    return web.json_response(act_serializers.act_status(found))


async def delete(request: web.Request) -> web.Response:
    """DELETE /acts/{id}: undo. Answers when no live process acts on what the act listed; 202 if it goes on."""
    query = requests.parse_query(request, requests.UndoQuery)
    services, who = context.services(request), context.caller(request).name
    result = await undo.undo(services, request.match_info["id"], who, query.why, query.timeout)
    return web.json_response(act_serializers.undo_result(result), status=200 if result.act.done_at else 202)

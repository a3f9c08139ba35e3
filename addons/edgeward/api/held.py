"""Held updates: what they would do, and the decision of a second person."""

from aiohttp import web

from edgeward.api import context, held_serializers, requests
from edgeward.operations import held_updates


async def index(request: web.Request) -> web.Response:
    """GET /held, oldest first."""
    requests.parse_query(request, requests.NoQuery)
    found = await held_updates.index(context.services(request))
    return web.json_response({"held": [held_serializers.held_update(each) for each in found]})


async def show(request: web.Request) -> web.Response:
    """GET /held/{id}: one that is held, or was."""
    requests.parse_query(request, requests.NoQuery)
    found = await held_updates.get(context.services(request), request.match_info["id"])
    return web.json_response(held_serializers.held_update(found))


async def approve(request: web.Request) -> web.Response:
    """POST /held/{id}/approve: 202, as it is applied in the background."""
    body = await requests.parse_body(request, requests.DecisionBody)
    services, who = context.services(request), context.caller(request).name
    approved = await held_updates.approve(services, request.match_info["id"], who, body.why)
    return web.json_response(held_serializers.held_update(approved), status=202)


async def reject(request: web.Request) -> web.Response:
    """POST /held/{id}/reject"""
    body = await requests.parse_body(request, requests.DecisionBody)
    services, who = context.services(request), context.caller(request).name
    rejected = await held_updates.reject(services, request.match_info["id"], who, body.why)
    return web.json_response(held_serializers.held_update(rejected))

"""Tokens: created, listed and revoked by admins. A token's text is shown once, when it is created."""

from aiohttp import web

from edgeward.api import context, requests, serializers
from edgeward.operations import tokens


async def index(request: web.Request) -> web.Response:
    """GET /tokens"""
    requests.parse_query(request, requests.NoQuery)
    found = await context.services(request).tokens.all()
    return web.json_response({"tokens": [serializers.token(each) for each in found]})


async def create(request: web.Request) -> web.Response:
    """POST /tokens"""
    body = await requests.parse_body(request, requests.TokenBody)
    services, who = context.services(request), context.caller(request).name
    token, text = await tokens.create(services, body.name, body.role, who)
    return web.json_response({**serializers.token(token), "token": text}, status=201)


async def revoke(request: web.Request) -> web.Response:
    """DELETE /tokens/{id}"""
    requests.parse_query(request, requests.NoQuery)
    services, who = context.services(request), context.caller(request).name
    revoked = await tokens.revoke(services, request.match_info["id"], who)
    return web.json_response({"removed": serializers.token(revoked)})

"""Tokens: made, listed and revoked by admins. A token's text is shown once, when it is made."""

from aiohttp import web

from edgeward.control import bodies, views
from edgeward.control.services import services


async def index(request: web.Request) -> web.Response:
    """GET /tokens"""
    bodies.query(request, bodies.NoQuery)
    found = await services(request).tokens.all()
    return web.json_response({"tokens": [views.token(each) for each in found]})


async def create(request: web.Request) -> web.Response:
    """POST /tokens"""
    asked = await bodies.parse(request, bodies.NewToken)
    made, text = await services(request).tokens.create(asked.name, asked.role)
    return web.json_response({**views.token(made), "token": text}, status=201)


async def revoke(request: web.Request) -> web.Response:
    """DELETE /tokens/{id}"""
    bodies.query(request, bodies.NoQuery)
    revoked = await services(request).tokens.revoke(request.match_info["id"])
    return web.json_response({"removed": views.token(revoked)})

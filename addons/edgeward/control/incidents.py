"""Incidents: blocks and would-have-blocked, for people."""

from aiohttp import web

from edgeward.control import bodies, views
from edgeward.control.services import services


async def index(request: web.Request) -> web.Response:
    """GET /incidents, newest first."""
    limit = bodies.query(request, bodies.Limit).limit
    found = await services(request).incidents.recent(limit)
    return web.json_response({"incidents": [views.incident(each) for each in found]})

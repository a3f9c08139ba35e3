"""Incidents: images that were blocked, or would have been, for people to review."""

from aiohttp import web

from edgeward.api import context, requests, serializers


async def index(request: web.Request) -> web.Response:
    """GET /incidents, newest first."""
    limit = requests.parse_query(request, requests.LimitQuery).limit
    found = await context.services(request).incidents.recent(limit)
    return web.json_response({"incidents": [serializers.incident(each) for each in found]})

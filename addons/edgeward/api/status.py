"""GET /status: lists, processes and caches in one answer. It shows no URL and no hash."""

from aiohttp import web

from edgeward.api import context, requests, serializers
from edgeward.operations.status import system_status


async def show(request: web.Request) -> web.Response:
    """GET /status"""
    requests.parse_query(request, requests.NoQuery)
    return web.json_response(serializers.system_status(await system_status(context.services(request))))

"""Routes for machines that need no token: /metrics, /healthz, /readyz. They show no URL and no hash."""

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from edgeward import metrics_exposition
from edgeward.api import context, serializers
from edgeward.operations.status import readiness


async def exposition(request: web.Request) -> web.Response:
    """GET /metrics: every metric of this machine's processes."""
    text = await asyncio.to_thread(metrics_exposition.exposition)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def alive(request: web.Request) -> web.Response:
    """GET /healthz: the process answers."""
    return web.Response(text="ok")


async def ready(request: web.Request) -> web.Response:
    """GET /readyz: the lists are loaded, and a proxy worker of this machine takes requests. The lists stay loaded while
    the store is unavailable."""
    state = readiness(context.services(request), await asyncio.to_thread(metrics_exposition.lists_age))
    return web.json_response(serializers.readiness(state), status=200 if state.ready else 503)

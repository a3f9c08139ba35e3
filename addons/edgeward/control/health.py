"""Doors for machines, without a token: /metrics, /healthz, /readyz. They tell no URL and no hash."""

import asyncio
import time

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from edgeward import metrics
from edgeward.control.services import Services, services

AWAY_SECONDS = 2.0
"""So long without a word from the store, which is asked twice a second, and it counts as away."""


async def exposition(request: web.Request) -> web.Response:
    """GET /metrics: every metric of this machine's processes."""
    text = await asyncio.to_thread(metrics.exposition)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def alive(request: web.Request) -> web.Response:
    """GET /healthz: the process answers."""
    return web.Response(text="ok")


async def ready(request: web.Request) -> web.Response:
    """GET /readyz: the lists are loaded. With the store away the last known ones still are."""
    state = readiness(services(request))
    return web.json_response(state, status=200 if state["ready"] else 503)


def readiness(within: Services) -> dict[str, object]:
    """The state of the lists. `contact_age_seconds`: since the store was last heard; null before the first time."""
    replica = within.replica
    age = max(0.0, time.time() - replica.contact) if replica.contact else None
    reasons = [] if replica.ready else ["the lists are not loaded"]
    store = "unknown" if age is None else "connected"
    if age is not None and age > AWAY_SECONDS:
        store = "away"
        reasons.append("the store is away: the lists are as old as the last contact")
    return {
        "ready": replica.ready,
        "lists_loaded": replica.ready,
        "store": store,
        "version": replica.version,
        "contact_age_seconds": None if age is None else round(age, 3),
        "reasons": reasons,
    }

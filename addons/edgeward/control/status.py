"""The state of the whole in one answer: lists, processes, caches. It tells no URL and no hash."""

import asyncio
import time
from dataclasses import asdict

from aiohttp import web

from edgeward.cache_settings import CacheSettings
from edgeward.control import bodies, health, views
from edgeward.control.services import Services, services


async def show(request: web.Request) -> web.Response:
    """GET /status"""
    bodies.query(request, bodies.NoQuery)
    within = services(request)
    counts = within.replica.matcher.counts()
    state = health.readiness(within)
    return web.json_response(
        {
            "version": within.replica.version,
            "lists": len(within.replica.matcher.lists),
            "entries": sum(counts.values()),
            "ready": state["ready"],
            "store": state["store"],
            "replicas": await _replicas(within),
            "caches": await asyncio.gather(*(_cache(within, cache) for cache in within.config.caches)),
            "retro_version": await within.retro.version(),
            "uptime_seconds": round(time.time() - within.started_at, 3),
        }
    )


async def _replicas(within: Services) -> list[views.Json]:
    """Every live process, the version of the lists that it acts on, and how long ago it said so."""
    return [asdict(each) for each in await within.catalogue.replicas()]


async def _cache(within: Services, cache: CacheSettings) -> views.Json:
    pending, oldest = await within.orders.pending(cache.name)
    refused = await within.orders.refused(cache.name)
    state = {"pending": pending, "oldest_seconds": oldest, "refused": refused}
    return {"name": cache.name, "driver": cache.driver, **state}

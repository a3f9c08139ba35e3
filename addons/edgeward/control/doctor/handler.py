"""The examination as a whole, asked for through the admin API."""

import asyncio
import secrets
from dataclasses import asdict

from aiohttp import web

from edgeward.control import bodies
from edgeward.control.doctor import hashers, lists, proxy, store
from edgeward.control.doctor.cache import CacheExam
from edgeward.control.doctor.finding import Finding, Health, warn
from edgeward.control.services import Services, services
from edgeward.types import Target

NO_CACHES = warn("caches", "configured", "no cache is configured: copies stay where they are", "add [[caches]]")


async def examine(request: web.Request) -> web.Response:
    """POST /doctor"""
    bodies.query(request, bodies.NoQuery)
    asked = await bodies.parse(request, bodies.Examination)
    within = services(request)
    target = bodies.target(asked.url) if asked.url else await _target(within)
    findings = await _findings(within, target)
    well = not any(finding.health is Health.FAIL for finding in findings)
    return web.json_response({"well": well, "findings": [asdict(finding) for finding in findings]})


async def _target(within: Services) -> Target | None:
    """In fill, an object that Edgeward itself serves; in front, the image that was seen last: it is fetched again."""
    if within.config.proxy.placement == "fill":
        return Target("http", "edgeward.invalid", f"/.well-known/edgeward/doctor/{secrets.token_hex(16)}")
    latest = await within.sightings.find(limit=1)
    return latest[0].target if latest else None


async def _findings(within: Services, target: Target | None) -> list[Finding]:
    config = within.config
    exams = (CacheExam(cache, target).run() for cache in config.caches)
    parts = await asyncio.gather(
        store.examine(within.store, within.store.replicas),
        lists.examine(within),
        proxy.examine(config.proxy.listen),
        *exams,
    )
    found = [finding for part in parts for finding in part]
    return [*found, *hashers.examine(within.pool.layers), *([] if config.caches else [NO_CACHES])]

"""POST /doctor: tests everything that Edgeward depends on."""

from contextlib import suppress
from dataclasses import asdict

from aiohttp import web

from edgeward.api import context, requests
from edgeward.doctor.examination import examine
from edgeward.doctor.finding import Health
from edgeward.operations.urls import parse_url
from edgeward.store.connection import STORE_AWAY

ACCEPTS = (Health.OK, Health.WARN)
"""A cache with one of these has just carried out a purge: what it refused before is retried."""


async def run(request: web.Request) -> web.Response:
    """POST /doctor"""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, requests.DoctorBody)
    target = parse_url(body.url, "url") if body.url else None
    services, who = context.services(request), context.caller(request).name
    with suppress(*STORE_AWAY):  # the doctor must run then, and what it purges is an object that is harmless
        await services.audit_trail.note("doctor.run", who, url=target.url if target else "")
    findings = await examine(services, target)
    accepting = {finding.about for finding in findings if finding.check == "purge" and finding.health in ACCEPTS}
    for cache in accepting.intersection(services.caches):
        with suppress(*STORE_AWAY):  # it is retried later then
            await services.orders.refused_retries.release(cache)
    well = not any(finding.is_failure for finding in findings)
    return web.json_response({"well": well, "findings": [asdict(finding) for finding in findings]})

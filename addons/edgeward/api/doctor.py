"""POST /doctor: tests everything that Edgeward depends on."""

from dataclasses import asdict

from aiohttp import web

from edgeward.api import context, requests
from edgeward.doctor.examination import examine
from edgeward.operations.urls import parse_url


async def run(request: web.Request) -> web.Response:
    """POST /doctor"""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, requests.DoctorBody)
    target = parse_url(body.url, "url") if body.url else None
    findings = await examine(context.services(request), target)
    well = not any(finding.is_failure for finding in findings)
    return web.json_response({"well": well, "findings": [asdict(finding) for finding in findings]})

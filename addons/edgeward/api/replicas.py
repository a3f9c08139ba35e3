"""Replicas: the processes that hold the lists, and those that an operator writes off."""

from dataclasses import asdict

from aiohttp import web

from edgeward.api import context, requests
from edgeward.operations import replicas


async def index(request: web.Request) -> web.Response:
    """GET /replicas"""
    requests.parse_query(request, requests.NoQuery)
    found = await replicas.status(context.services(request))
    return web.json_response({"version": found.version, "replicas": [asdict(each) for each in found.members]})


async def forget(request: web.Request) -> web.Response:
    """POST /replicas/forget"""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, requests.ForgetBody)
    services, who = context.services(request), context.caller(request).name
    return web.json_response({"forgotten": await replicas.forget(services, body.name, who, body.why)})

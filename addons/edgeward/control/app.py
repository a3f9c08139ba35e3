"""Every route in one table, with the role that it needs. docs/api.md describes each."""

from typing import NamedTuple

from aiohttp import web

from edgeward.control import check, entries, health, incidents, lists, problems, purges, sightings, status, tokens
from edgeward.control.problems import Handler
from edgeward.control.services import CALLER, SERVICES, Services, services
from edgeward.errors import Unavailable
from edgeward.types import Role

API = "/api/v1"


class Route(NamedTuple):
    method: str
    path: str
    role: Role | None
    """The least role that it needs; None: no token at all."""
    handler: Handler


ROUTES: tuple[Route, ...] = (
    Route("GET", "/metrics", None, health.exposition),
    Route("GET", "/healthz", None, health.alive),
    Route("GET", "/readyz", None, health.ready),
    Route("GET", f"{API}/status", Role.VIEWER, status.show),
    Route("GET", f"{API}/lists", Role.VIEWER, lists.index),
    Route("POST", f"{API}/lists", Role.OPERATOR, lists.create),
    Route("GET", f"{API}/lists/{{name}}", Role.VIEWER, lists.show),
    Route("PATCH", f"{API}/lists/{{name}}", Role.OPERATOR, lists.change),
    Route("DELETE", f"{API}/lists/{{name}}", Role.OPERATOR, lists.delete),
    Route("GET", f"{API}/lists/{{name}}/entries", Role.OPERATOR, entries.index),
    Route("POST", f"{API}/lists/{{name}}/entries", Role.OPERATOR, entries.add),
    Route("DELETE", f"{API}/lists/{{name}}/entries/{{id}}", Role.OPERATOR, entries.delete),
    Route("GET", f"{API}/entries/{{id}}", Role.OPERATOR, entries.show),
    Route("DELETE", f"{API}/entries/{{id}}", Role.OPERATOR, entries.delete),
    Route("POST", f"{API}/check", Role.OPERATOR, check.check),
    Route("GET", f"{API}/purges", Role.OPERATOR, purges.index),
    Route("POST", f"{API}/purges", Role.OPERATOR, purges.create),
    Route("GET", f"{API}/purges/{{id}}", Role.OPERATOR, purges.show),
    Route("GET", f"{API}/sightings", Role.OPERATOR, sightings.index),
    Route("GET", f"{API}/incidents", Role.OPERATOR, incidents.index),
    Route("GET", f"{API}/tokens", Role.ADMIN, tokens.index),
    Route("POST", f"{API}/tokens", Role.ADMIN, tokens.create),
    Route("DELETE", f"{API}/tokens/{{id}}", Role.ADMIN, tokens.revoke),
)


def make_app(within: Services) -> web.Application:
    """The admin API on top of opened rooms."""
    app = web.Application(middlewares=[problems.counted, problems.answer])
    app[SERVICES] = within
    app.on_response_prepare.append(_mark)
    for route in ROUTES:
        handler = _guarded(route.role, route.handler) if route.role else route.handler
        app.router.add_route(route.method, route.path, handler)
    return app


def _guarded(role: Role, handler: Handler) -> Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        caller = await services(request).tokens.caller(request.headers.get("Authorization"))
        caller.require(role)
        if not services(request).replica.ready:
            raise Unavailable("the lists are not loaded yet: ask again")
        request[CALLER] = caller
        return await handler(request)

    return guarded


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    """No version banner; nothing of what is answered is kept or guessed at on the way (RFC 9111, section 5.2.2.5)."""
    response.headers["Server"] = "edgeward"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"

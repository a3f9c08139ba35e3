"""Every route in one table, with the role that it requires. docs/api.md describes each."""

from typing import NamedTuple

from aiohttp import web

from edgeward.api import (
    acts,
    audit,
    authentication,
    caches,
    check,
    context,
    doctor,
    entries,
    export,
    health,
    held,
    history,
    host_check,
    imports,
    incidents,
    jobs,
    lists,
    problem_details,
    purges,
    receipts,
    removals,
    replicas,
    rollbacks,
    sightings,
    sources,
    status,
    store,
    suspensions,
    takedowns,
    tokens,
    uploads,
    webhooks,
    what_if,
)
from edgeward.api.problem_details import HEADERS, Handler
from edgeward.errors import Unavailable
from edgeward.imports.readings import Readings
from edgeward.lists import audit_trail
from edgeward.operations.services import Services
from edgeward.types import Role

API = "/api/v1"


class Route(NamedTuple):
    method: str
    path: str
    role: Role | None
    """The least role that may use it. None: no token (requests of webhooks are signed instead)."""
    handler: Handler
    needs_lists: bool = True
    """Whether it answers 503 until the lists are loaded."""


ROUTES: tuple[Route, ...] = (
    Route("GET", "/metrics", None, health.exposition),
    Route("GET", "/healthz", None, health.alive),
    Route("GET", "/readyz", None, health.ready),
    Route("GET", f"{API}/status", Role.VIEWER, status.show, needs_lists=False),
    Route("GET", f"{API}/lists", Role.VIEWER, lists.index),
    Route("POST", f"{API}/lists", Role.OPERATOR, lists.create),
    Route("GET", f"{API}/lists/{{name}}", Role.VIEWER, lists.show),
    Route("PATCH", f"{API}/lists/{{name}}", Role.OPERATOR, lists.change),
    Route("DELETE", f"{API}/lists/{{name}}", Role.OPERATOR, lists.delete),
    Route("GET", f"{API}/lists/{{name}}/what-if", Role.OPERATOR, what_if.show),
    Route("GET", f"{API}/lists/{{name}}/entries", Role.OPERATOR, entries.index),
    Route("POST", f"{API}/lists/{{name}}/entries", Role.OPERATOR, entries.add),
    Route("DELETE", f"{API}/lists/{{name}}/entries/{{id}}", Role.OPERATOR, entries.delete),
    Route("GET", f"{API}/lists/{{name}}/history", Role.OPERATOR, history.index),
    Route("GET", f"{API}/lists/{{name}}/diff", Role.OPERATOR, history.diff),
    Route("GET", f"{API}/lists/{{name}}/export", Role.OPERATOR, export.show),
    Route("POST", f"{API}/lists/{{name}}/removals", Role.OPERATOR, removals.create),
    Route("POST", f"{API}/lists/{{name}}/imports", Role.OPERATOR, imports.create),
    Route("POST", f"{API}/lists/{{name}}/rollback", Role.OPERATOR, rollbacks.create),
    Route("GET", f"{API}/sources", Role.OPERATOR, sources.index, needs_lists=False),
    Route("POST", f"{API}/sources/{{name}}/pulls", Role.OPERATOR, sources.pull),
    Route("POST", f"{API}/entries/{{id}}/feedback", Role.OPERATOR, sources.report),
    Route("GET", f"{API}/jobs", Role.OPERATOR, jobs.index),
    Route("GET", f"{API}/uploads/{{id}}", Role.OPERATOR, uploads.show),
    Route("GET", f"{API}/jobs/{{id}}", Role.OPERATOR, jobs.show),
    Route("GET", f"{API}/entries", Role.OPERATOR, entries.search),
    Route("DELETE", f"{API}/jobs/{{id}}", Role.OPERATOR, jobs.cancel),
    Route("GET", f"{API}/held", Role.OPERATOR, held.index),
    Route("GET", f"{API}/held/{{id}}", Role.OPERATOR, held.show),
    Route("POST", f"{API}/held/{{id}}/approve", Role.OPERATOR, held.approve),
    Route("POST", f"{API}/held/{{id}}/reject", Role.OPERATOR, held.reject),
    Route("GET", f"{API}/suspended", Role.OPERATOR, suspensions.index),
    Route("POST", f"{API}/suspended/{{id}}/confirm", Role.OPERATOR, suspensions.confirm),
    Route("POST", f"{API}/entries/purges", Role.OPERATOR, entries.purges),
    Route("GET", f"{API}/entries/{{id}}", Role.OPERATOR, entries.show),
    Route("DELETE", f"{API}/entries/{{id}}", Role.OPERATOR, entries.delete),
    Route("GET", f"{API}/entries/{{id}}/receipt", Role.OPERATOR, receipts.of_entry),
    Route("GET", f"{API}/acts/{{id}}", Role.OPERATOR, acts.show),
    Route("DELETE", f"{API}/acts/{{id}}", Role.OPERATOR, acts.delete),
    Route("GET", f"{API}/audit", Role.OPERATOR, audit.index, needs_lists=False),
    Route("POST", f"{API}/check", Role.OPERATOR, check.check),
    Route("GET", f"{API}/purges", Role.OPERATOR, purges.index),
    Route("POST", f"{API}/purges", Role.OPERATOR, purges.create),
    Route("POST", f"{API}/purges/retry", Role.OPERATOR, purges.retry),
    Route("GET", f"{API}/purges/{{id}}", Role.OPERATOR, purges.show),
    Route("GET", f"{API}/caches", Role.OPERATOR, caches.index, needs_lists=False),
    Route("POST", f"{API}/caches/emptied", Role.ADMIN, caches.emptied, needs_lists=False),
    Route("POST", f"{API}/caches/forget", Role.ADMIN, caches.forget, needs_lists=False),
    Route("GET", f"{API}/takedowns", Role.OPERATOR, takedowns.index),
    Route("POST", f"{API}/takedowns", Role.OPERATOR, takedowns.create),
    Route("GET", f"{API}/takedowns/{{id}}", Role.OPERATOR, receipts.of_takedown),
    Route("POST", f"{API}/webhooks/{{name}}/takedowns", None, webhooks.take_down),
    Route("GET", f"{API}/sightings", Role.OPERATOR, sightings.index),
    Route("GET", f"{API}/incidents", Role.OPERATOR, incidents.index),
    Route("POST", f"{API}/doctor", Role.OPERATOR, doctor.run, needs_lists=False),
    Route("GET", f"{API}/replicas", Role.VIEWER, replicas.index, needs_lists=False),
    Route("POST", f"{API}/replicas/forget", Role.OPERATOR, replicas.forget, needs_lists=False),
    Route("POST", f"{API}/store/refill", Role.ADMIN, store.refill, needs_lists=False),
    Route("GET", f"{API}/tokens", Role.ADMIN, tokens.index),
    Route("POST", f"{API}/tokens", Role.ADMIN, tokens.create),
    Route("DELETE", f"{API}/tokens/{{id}}", Role.ADMIN, tokens.revoke),
)


def make_app(services: Services) -> web.Application:
    """The admin API of these services."""
    app = web.Application(
        middlewares=[problem_details.count_answers, problem_details.errors_as_problems, host_check.require_known_host]
    )
    app[context.SERVICES] = services
    app[context.READINGS] = Readings()
    app.on_response_prepare.append(_set_headers)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _guarded(route))
    return app


def _guarded(route: Route) -> Handler:
    """The handler, behind the check of the caller's role and of the lists being loaded."""
    if not route.path.startswith(API):
        return route.handler

    async def guarded(request: web.Request) -> web.StreamResponse:
        with audit_trail.request_from(request.remote or ""):
            return await answer(request)

    async def answer(request: web.Request) -> web.StreamResponse:
        services = context.services(request)
        if route.role:
            caller = await authentication.caller_of(request, services.tokens)
            caller.require(route.role)
            request[context.CALLER] = caller
        # After the check of the token: others do not learn the state of the lists.
        if route.needs_lists and not services.replica.ready:
            if (loss := services.replica.loss) is not None:
                raise Unavailable(loss.reason)
            loading = context.services(request).store_watch.loading
            raise Unavailable(f"{loading or 'the lists are not loaded yet'}: try again")
        return await route.handler(request)

    return guarded


async def _set_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)

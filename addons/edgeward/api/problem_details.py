"""Every error as a problem document (RFC 9457): `type`, `title`, `status`, `detail`, and the `key` that is wrong."""

import logging
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from edgeward import metrics
from edgeward.access.tokens import Unauthenticated
from edgeward.api import held_serializers
from edgeward.api.context import services
from edgeward.api.requests import BadBody, Malformed, Misdirected, TooMuch, WrongType
from edgeward.errors import (
    Conflict,
    EdgewardError,
    Forbidden,
    InvalidValue,
    NotFound,
    PreconditionFailed,
    Unavailable,
    UserError,
)
from edgeward.operations.held_updates import UpdateHeld
from edgeward.store.connection import STORE_AWAY, STORE_FULL

logger = logging.getLogger(__name__)

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTENT_TYPE = "application/problem+json"

STATUSES: tuple[tuple[type[EdgewardError], HTTPStatus], ...] = (
    (Malformed, HTTPStatus.BAD_REQUEST),
    (Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (PreconditionFailed, HTTPStatus.PRECONDITION_FAILED),
    (TooMuch, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (WrongType, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (Misdirected, HTTPStatus.MISDIRECTED_REQUEST),
    (UserError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The status of each error. The first class that fits counts, so subclasses come first."""

STORE_READ_DETAIL = "the store is unavailable: try again"
STORE_CHANGE_DETAIL = "the store is unavailable or did not confirm in time: the change may have been made; try again"
STORE_FULL_DETAIL = "the store is full: what was asked for is not done, or in part; raise its maxmemory, and try again"
SAFE_METHODS = ("GET", "HEAD")
READ_ONLY_POSTS = ("/api/v1/check", "/api/v1/doctor")
"""Routes that take a body and change nothing that is stored."""
DEFECT_DETAIL = "a defect in Edgeward: see its log"

HEADERS = {"Server": "edgeward", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Of every answer. No version of the server; no cache keeps the answer (RFC 9111, section 5.2.2.5); no browser guesses
its type."""
HEADERS_OF_STATUS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}


def problem(status: int, title: str, detail: str, urn: str = "about:blank", key: str = "") -> web.Response:
    """One problem document. `urn` is its `type`, by which scripts can tell problems apart."""
    body: dict[str, object] = {"type": urn, "title": title, "status": status, "detail": detail}
    if key:
        body["key"] = key
    headers = HEADERS_OF_STATUS.get(HTTPStatus(status))
    return web.json_response(body, status=status, content_type=CONTENT_TYPE, headers=headers)


@web.middleware
async def errors_as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware: turns whatever a handler raises into a problem document."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _http_problem(error)
    except STORE_AWAY as error:
        logger.warning("%s: the store is unavailable: %s", route_of(request), type(error).__name__)
        detail = _loading_detail(request) or store_detail(request.method, route_of(request))
        detail = STORE_FULL_DETAIL if isinstance(error, STORE_FULL) else detail
        return problem(503, "Store unavailable", detail, _urn("StoreUnavailable"))
    except UpdateHeld as held:
        return web.json_response({"held": held_serializers.held_update(held.update)}, status=202)
    except EdgewardError as error:
        return _edgeward_problem(error)
    # A defect in a handler must not end as aiohttp's own page. It is counted as status 500 in api_requests.
    except Exception:
        logger.exception("%s failed", route_of(request))
        return problem(500, "Internal error", DEFECT_DETAIL)


def store_detail(method: str, route: str) -> str:
    """What a client learns without the store. Only a change may have been made."""
    is_change = method not in SAFE_METHODS and route not in READ_ONLY_POSTS
    return STORE_CHANGE_DETAIL if is_change else STORE_READ_DETAIL


def _loading_detail(request: web.Request) -> str:
    """How far a store that has been started is; "" if it is not loading."""
    loading = services(request).store_watch.loading
    return f"{loading}: try again" if loading else ""


@web.middleware
async def count_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware: counts answers by route and status."""
    response = await handler(request)
    metrics.api_requests.labels(route_of(request), str(response.status)).inc()
    return response


def route_of(request: web.Request) -> str:
    """The template of the request's route. Never its URL, which could hold the name of a list or an id."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


def _edgeward_problem(error: EdgewardError) -> web.Response:
    status = next((status for error_type, status in STATUSES if isinstance(error, error_type)), None)
    if status is None:
        logger.error("unexpected %s", type(error).__name__)
        return problem(500, "Internal error", DEFECT_DETAIL)
    key = error.key if isinstance(error, BadBody | InvalidValue) else ""
    # Whether the model of a body or an operation has found it: clients see one type of problem.
    name = BadBody.__name__ if isinstance(error, InvalidValue) else type(error).__name__
    return problem(status, _words(name).capitalize(), str(error), _urn(name), key)


def _http_problem(error: web.HTTPException) -> web.Response:
    """aiohttp's own errors: 404 for an unknown path, 405 with the methods that the path has."""
    response = problem(error.status, error.reason, _DETAILS.get(error.status, error.reason))
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


_DETAILS = {404: "there is no such route", 405: "the route does not support this method"}


def _urn(name: str) -> str:
    return f"urn:edgeward:problem:{_words(name).replace(' ', '-')}"


def _words(name: str) -> str:
    """BadSignal -> "bad signal"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()

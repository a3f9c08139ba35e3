"""Every error as a problem document (RFC 9457): `type`, `title`, `status`, `detail`, and the `key` to blame."""

import logging
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from edgeward import metrics
from edgeward.control.auth import Unauthenticated
from edgeward.control.bodies import BadBody, Malformed, TooMuch, WrongType
from edgeward.errors import Conflict, EdgewardError, Forbidden, NotFound, Unavailable, UserError
from edgeward.store.connection import STORE_AWAY

logger = logging.getLogger(__name__)

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTENT_TYPE = "application/problem+json"

STATUSES: tuple[tuple[type[EdgewardError], HTTPStatus], ...] = (
    (Malformed, HTTPStatus.BAD_REQUEST),
    (Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (TooMuch, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (WrongType, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (UserError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The status of each error: the first line that fits."""

STORE_DETAIL = "the store is away, or did not confirm in time: what was asked may be done or not; ask again"

HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}


def problem(status: int, title: str, detail: str, kind: str = "about:blank", key: str = "") -> web.Response:
    """One problem document. `kind` is its `type`: a URN that scripts may tell problems apart by."""
    body: dict[str, object] = {"type": kind, "title": title, "status": status, "detail": detail}
    if key:
        body["key"] = key
    headers = HEADERS.get(HTTPStatus(status))
    return web.json_response(body, status=status, content_type=CONTENT_TYPE, headers=headers)


@web.middleware
async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a problem document."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _of_http(error)
    except STORE_AWAY as error:
        logger.warning("%s: the store is away: %s", route_of(request), type(error).__name__)
        return problem(503, "Store unavailable", STORE_DETAIL, _urn("StoreUnavailable"))
    except EdgewardError as error:
        return _of_error(error)
    # A defect in a handler must not end as aiohttp's own page; it is counted by status in api_requests.
    except Exception:
        logger.exception("%s failed", route_of(request))
        return problem(500, "Internal error", "a defect of Edgeward: its log says more")


@web.middleware
async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count each answer by route and status."""
    response = await handler(request)
    metrics.api_requests.labels(route_of(request), str(response.status)).inc()
    return response


def route_of(request: web.Request) -> str:
    """The template of the request's route: never its URL."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


def _of_error(error: EdgewardError) -> web.Response:
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), None)
    if status is None:
        logger.error("unexpected %s", type(error).__name__)
        return problem(500, "Internal error", "a defect of Edgeward: its log says more")
    key = error.key if isinstance(error, BadBody) else ""
    name = type(error).__name__
    return problem(status, _words(name).capitalize(), str(error), _urn(name), key)


def _of_http(error: web.HTTPException) -> web.Response:
    """aiohttp's own errors: 404 for a path that is none, 405 with the methods that are."""
    response = problem(error.status, error.reason, _DETAILS.get(error.status, error.reason))
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


_DETAILS = {404: "there is no such route", 405: "this route does not know the method"}


def _urn(name: str) -> str:
    return f"urn:edgeward:problem:{_words(name).replace(' ', '-')}"


def _words(name: str) -> str:
    """BadSignal -> "bad signal"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()

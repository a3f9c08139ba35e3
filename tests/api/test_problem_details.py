"""Errors as problem documents."""

import logging
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from tests.support.controllers import Api

from edgeward import errors, metrics
from edgeward.access.tokens import Unauthenticated
from edgeward.api import problem_details
from edgeward.api.context import SERVICES
from edgeward.api.requests import BadBody, Malformed, TooMuch, WrongType
from edgeward.api.routes import ROUTES
from edgeward.operations.services import Services
from edgeward.store.connection import STORE_AWAY, STORE_FULL

SECRET = "redis://10.0.0.7"


async def _answered(error: Exception, method: str = "GET") -> web.Response:
    async def fail(_: web.Request) -> web.StreamResponse:
        raise error

    app = web.Application()
    app[SERVICES] = cast(Services, SimpleNamespace(store_watch=SimpleNamespace(loading="")))
    response = await problem_details.errors_as_problems(make_mocked_request(method, "/secret/path", app=app), fail)
    assert isinstance(response, web.Response)
    return response


@pytest.mark.parametrize(
    ("error", "status", "urn"),
    [
        (errors.ConfigError("x"), 422, "config-error"),
        (errors.InvalidValue("x"), 422, "bad-body"),
        (errors.BadSignal("x"), 422, "bad-signal"),
        (errors.BadImage("x"), 422, "bad-image"),
        (BadBody("x", "k"), 422, "bad-body"),
        (Malformed("x"), 400, "malformed"),
        (TooMuch("x"), 413, "too-much"),
        (WrongType("x"), 415, "wrong-type"),
        (errors.NotFound("x"), 404, "not-found"),
        (errors.Conflict("x"), 409, "conflict"),
        (errors.Forbidden("x"), 403, "forbidden"),
        (Unauthenticated("x"), 401, "unauthenticated"),
        (errors.Unavailable("x"), 503, "unavailable"),
        (errors.CacheUnavailable("x"), 503, "cache-unavailable"),
    ],
)
async def test_each_error_has_its_status(error: Exception, status: int, urn: str) -> None:
    """Every error that is raised on purpose has its own status and type; the detail is its message."""
    response = await _answered(error)
    assert response.status == status
    assert response.content_type == "application/problem+json"
    assert f'"urn:edgeward:problem:{urn}"' in (response.text or "")
    assert '"detail": "x"' in (response.text or "")


@pytest.mark.parametrize("error_type", STORE_AWAY)
async def test_an_unavailable_store_is_503_without_its_address(error_type: type[Exception]) -> None:
    """Whichever error the connection raises, the client is asked to try again and learns nothing about the network."""
    # AskError parses its message: slot, host and port.
    message = f"1 {SECRET}:6379".replace("redis://", "") if error_type.__name__ == "AskError" else SECRET
    response = await _answered(error_type(message))
    assert response.status == 503
    assert response.headers["Retry-After"] == "1"
    assert "10.0.0.7" not in (response.text or "")
    assert ("the store is full" in (response.text or "")) == (error_type is STORE_FULL)


def test_a_post_that_only_reads_may_have_changed_nothing() -> None:
    """These routes exist, and their answers do not speak of a change either."""
    for route in problem_details.READ_ONLY_POSTS:
        assert ("POST", route) in {(each.method, each.path) for each in ROUTES}
        assert problem_details.store_detail("POST", route) == problem_details.STORE_READ_DETAIL


@pytest.mark.parametrize(("method", "is_change"), [("GET", False), ("POST", True), ("DELETE", True)])
async def test_only_a_change_may_have_been_made(method: str, is_change: bool) -> None:
    """Without the store, the answer to a GET does not speak of a change."""
    text = (await _answered(STORE_AWAY[0](), method)).text or ""
    assert "try again" in text
    assert ("the change may have been made" in text) is is_change


@pytest.mark.parametrize("error", [RuntimeError(SECRET), errors.EdgewardError(SECRET), KeyError(SECRET)])
async def test_a_defect_is_500_without_details(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error is logged without the URL, and answered without its message."""
    with caplog.at_level(logging.ERROR):
        response = await _answered(error)
    assert response.status == 500
    assert SECRET not in (response.text or "")
    assert caplog.records
    assert "/secret/path" not in caplog.text


def test_unknown_paths_and_methods_are_problems_too(api: Api) -> None:
    """404 and 405 of the router are problem documents too, and 405 names the methods of the path."""
    missing = api.get("/nothing")
    assert (missing.status, missing.json["status"]) == (404, 404)
    wrong = api.ask("PUT", "/lists")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET,POST")
    for answer in (missing, wrong):
        assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_requests_are_counted_by_template(api: Api) -> None:
    """The label is the route's template: no list name, id or URL becomes a label."""

    def count(route: str, status: str) -> float:
        labels = {"route": route, "status": status}
        return metrics.registry.get_sample_value("edgeward_api_requests_total", labels) or 0.0

    known, unknown = count("/api/v1/lists/{name}", "404"), count("unknown", "404")
    api.get("/lists/none-such")
    api.get("/some/where")
    assert count("/api/v1/lists/{name}", "404") == known + 1
    assert count("unknown", "404") == unknown + 1

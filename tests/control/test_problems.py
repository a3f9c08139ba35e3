"""Errors as problem documents."""

import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from tests.control.controllers import Api

from edgeward import errors, metrics
from edgeward.control import problems
from edgeward.control.auth import Unauthenticated
from edgeward.control.bodies import BadBody, Malformed, TooMuch, WrongType
from edgeward.store.connection import STORE_AWAY

SECRET = "redis://10.0.0.7"


async def _answered(error: Exception) -> web.Response:
    async def fail(_: web.Request) -> web.StreamResponse:
        raise error

    response = await problems.answer(make_mocked_request("GET", "/secret/path"), fail)
    assert isinstance(response, web.Response)
    return response


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.ConfigError("x"), 422, "config-error"),
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
async def test_each_error_has_its_status(error: Exception, status: int, kind: str) -> None:
    """Every error on purpose is a document with its own status and type, and says what the error said."""
    response = await _answered(error)
    assert response.status == status
    assert response.content_type == "application/problem+json"
    assert f'"urn:edgeward:problem:{kind}"' in (response.text or "")
    assert '"detail": "x"' in (response.text or "")


@pytest.mark.parametrize("kind", STORE_AWAY)
async def test_a_store_that_is_away_is_503_without_its_address(kind: type[Exception]) -> None:
    """Whatever shape the loss of the store takes, the client is told to come again, and nothing of the network."""
    # A redirection of a cluster is read when it is made: slot, host and port.
    said = f"1 {SECRET}:6379".replace("redis://", "") if kind.__name__ == "AskError" else SECRET
    response = await _answered(kind(said))
    assert response.status == 503
    assert response.headers["Retry-After"] == "1"
    assert "10.0.0.7" not in (response.text or "")


@pytest.mark.parametrize("error", [RuntimeError(SECRET), errors.EdgewardError(SECRET), KeyError(SECRET)])
async def test_a_defect_is_500_without_details(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw is logged and answered, without telling the client what it was, or the log the URL."""
    with caplog.at_level(logging.ERROR):
        response = await _answered(error)
    assert response.status == 500
    assert SECRET not in (response.text or "")
    assert caplog.records
    assert "/secret/path" not in caplog.text


def test_unknown_paths_and_methods_are_problems_too(api: Api) -> None:
    """404 and 405 of the router have the same shape, and 405 names the methods that are."""
    missing = api.get("/nothing")
    assert (missing.status, missing.json["status"]) == (404, 404)
    wrong = api.ask("PUT", "/lists")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET,POST")
    for answer in (missing, wrong):
        assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_requests_are_counted_by_template(api: Api) -> None:
    """The metric's route is the template: no list's name, no id, no URL ever becomes a label."""

    def count(route: str, status: str) -> float:
        labels = {"route": route, "status": status}
        return metrics.registry.get_sample_value("edgeward_api_requests_total", labels) or 0.0

    known, unknown = count("/api/v1/lists/{name}", "404"), count("unknown", "404")
    api.get("/lists/none-such")
    api.get("/some/where")
    assert count("/api/v1/lists/{name}", "404") == known + 1
    assert count("unknown", "404") == unknown + 1

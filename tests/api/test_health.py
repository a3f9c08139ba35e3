"""The routes without a token."""

import re

from tests.support.controllers import Api, ask_until

from edgeward.operations import status


def test_alive(api: Api) -> None:
    """/healthz answers without a token."""
    answer = api.as_("").get("/healthz")
    assert (answer.status, answer.body) == (200, b"ok")


def test_ready_once_the_lists_are_loaded(api: Api) -> None:
    """/readyz answers 200, with the version and the age of the lists."""
    expected = {"ready": True, "lists_loaded": True, "store": "connected", "reasons": []}
    found = ask_until(lambda: api.as_("").get("/readyz"), lambda state: expected.items() <= state.items())
    assert 0 <= found["contact_age_seconds"] <= status.AWAY_SECONDS
    assert found["version"] >= 0
    assert api.as_("").get("/readyz").status == 200


def test_metrics_are_in_the_format_of_prometheus(api: Api) -> None:
    """/metrics needs no token, and has each metric with its type."""
    api.get("/lists")
    answer = api.as_("").get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert re.search(r'edgeward_api_requests_total\{route="/api/v1/lists",status="200"\} \d', answer.body.decode())
    assert b"# TYPE edgeward_linger_seconds histogram" in answer.body

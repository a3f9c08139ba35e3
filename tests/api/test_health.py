"""The routes without a token."""

import re

import pytest
from tests.support.controllers import Api, ask_until

from edgeward.operations import status
from edgeward.process_states import STATES_FD, ProcessState, SharedStates


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


def test_ready_only_while_a_worker_of_this_machine_runs(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker that is down is a reason; if all are, /readyz answers 503, though the lists are loaded."""
    states = SharedStates()
    monkeypatch.setenv(STATES_FD, str(states.fd))
    down = [ProcessState("proxy", number, 2, down=True, last_end="ended with status 1") for number in (1, 2)]
    states.publish([down[0], ProcessState("proxy", 2, 2)])
    found = ask_until(lambda: api.as_("").get("/readyz"), lambda state: state["ready"])
    assert found["reasons"] == ["proxy worker 1 of 2 does not run: it ended with status 1"]
    states.publish(down)
    answer = api.as_("").get("/readyz")
    assert (answer.status, answer.json["ready"], answer.json["lists_loaded"]) == (503, False, True)
    states.close()

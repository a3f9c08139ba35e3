"""`replicas` and `replicas forget`: what they send and print."""

from collections.abc import Callable

import pytest
from tests.cli.conftest import Api, Ended

LIVE = {"id": "edge1/proxy/7#a1", "version": 7, "age": 0.25, "state": "live"}
SILENT = {"id": "edge2/proxy/9#b2", "version": 6, "age": 4.0, "state": "silent"}
ENDED = {"id": "edge1/proxy/5#c3", "version": 3, "age": 9.0, "state": "ended"}


@pytest.mark.parametrize(
    ("replicas", "status"),
    [([LIVE, ENDED], 0), ([LIVE, SILENT], 1), ([{**LIVE, "version": 6}], 1), ([{**SILENT, "version": 7}], 1)],
)
def test_processes_are_shown(
    edgeward: Callable[..., Ended], api: Api, replicas: list[dict[str, object]], status: int
) -> None:
    """The status is 1 if one is silent or lags."""
    answer = {"version": 7, "replicas": replicas}
    api.answer("GET /api/v1/replicas", answer)
    ended = edgeward("replicas")
    assert ended.status == status
    assert all(str(each[key]) in ended.out for each in replicas for key in ("id", "state", "version"))
    assert edgeward("replicas", "--json").json == answer


def test_a_process_is_forgotten(edgeward: Callable[..., Ended], api: Api) -> None:
    """With the reason for the audit trail."""
    api.answer("POST /api/v1/replicas/forget", {"forgotten": [SILENT["id"]]})
    ended = edgeward("replicas", "forget", "edge2", "--reason", "sold")
    assert (ended.status, ended.out) == (0, "forgot edge2/proxy/9#b2\n")
    assert api.requests[0].json == {"name": "edge2", "why": "sold"}

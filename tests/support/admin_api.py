"""Fixtures: one real controller for the session, and clients of its API."""

import itertools
from collections.abc import Iterator

import pytest
from tests.support.controllers import Api, RunningController, settings
from tests.support.edges import WEBHOOKS, Edge, running_edge

from edgeward.operations import status, takedowns, waiting

_lists = itertools.count()


@pytest.fixture
def patient_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers wait longer than in production until changes are active and orders placed, and a store that has not
    answered for a while is not away yet: a busy machine may stall."""
    monkeypatch.setattr(waiting, "APPLY_SECONDS", 30.0)
    monkeypatch.setattr(takedowns, "PLACING_SECONDS", 30.0)
    monkeypatch.setattr(status, "AWAY_SECONDS", 60.0)


@pytest.fixture(scope="session")
def controller(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    """The session's controller, without caches. Tests use lists of different names."""
    source = {"name": "removed", "list": "removed", "location": "/nowhere/list.txt"}
    nobody = {"url": "http://127.0.0.1:9", "username": "u", "password": "p"}
    exchange = {"name": "ncmec", "list": "removed", "type": "ncmec", "feedback": True, **nobody}
    state = tmp_path_factory.mktemp("state")
    config = settings(redis_url, state, webhooks=WEBHOOKS, list_sources=[source], exchanges=[exchange])
    with RunningController(config) as running:
        yield running


@pytest.fixture
def api(controller: RunningController) -> Api:
    """The API with the local token (admin)."""
    return controller.api


@pytest.fixture
def a_list(api: Api) -> Iterator[str]:
    """The name of a new, empty block list. It is deleted after the test."""
    name = f"list-{next(_lists)}"
    assert api.post("/lists", {"name": name}).status == 201
    yield name
    assert api.delete(f"/lists/{name}").status in (200, 404)


@pytest.fixture(scope="session")
def callers(controller: RunningController) -> dict[str, Api]:
    """A client for each role, and one without a token ("")."""
    api = controller.api
    made = {"": api.as_("")}
    for role in ("viewer", "operator", "admin"):
        answer = api.post("/tokens", {"name": f"the-{role}", "role": role})
        made[role] = api.as_(answer.json["token"])
    return made


@pytest.fixture(scope="session")
def edge(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """The session's controller with caches: "edge", a real Varnish, and "dead", which is down."""
    with running_edge(redis_url, tmp_path_factory.mktemp("edge")) as running:
        yield running

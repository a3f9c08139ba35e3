"""A store that is emptied while Edgeward runs: nothing listed is served, and all comes back."""

import os
import signal
from collections.abc import Iterator

import pytest
import redis
from tests.scenarios.pictures import picture
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.edge import Edge
from edgeward.demo.http_client import ask
from edgeward.demo.origin import Origin

LISTED, OTHER = "/listed.jpg", "/other.jpg"


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put(LISTED, picture(1))
        running.put(OTHER, picture(2))
        yield running


@pytest.fixture(scope="module")
def running(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One worker, with the embedded store."""
    require("redis-server")
    proxy = {"upstream": f"http://{origin.address}", "workers": 1}
    settings = {"proxy": proxy, "hashing": {"processes": 1}, "policy": {"recheck_seconds": 0}}
    with Edge(tmp_path_factory.mktemp("loss"), settings) as running:
        running.create_list("a")
        running.add_image("a", picture(1))
        yield running


@pytest.fixture
def edge(running: Edge) -> Iterator[Edge]:
    """The same for all tests; after each its lists are back, and nothing is said to be lost."""
    yield running
    running.api("POST", "/store/refill", {"caches_emptied": True})
    until(lambda: _statuses(running) == (451, 200), "all is as before")


def _statuses(edge: Edge) -> tuple[int, int]:
    """Of the listed image, and of another."""
    return ask(edge.proxy, LISTED).status, ask(edge.proxy, OTHER).status


def _restart(edge: Edge, role: str) -> None:
    (pid,) = edge.run_file["processes"][role]
    os.kill(pid, signal.SIGKILL)
    until(lambda: edge.run_file["processes"][role] not in ([], [pid]), f"another {role}")


def _wait_recorded(edge: Edge) -> None:
    """Until state_dir has what is applied: a process that starts after the loss knows of it from there."""
    version = edge.api("GET", "/status")["version"]
    recorded = edge.state / "applied-lists.json"
    until(lambda: f'"version": {version}' in recorded.read_text(), "what is applied is recorded")


def test_an_emptied_store_opens_nothing(edge: Edge) -> None:
    """The worker goes on blocking; one that starts then judges nothing; after the refill all is as before."""
    assert _statuses(edge) == (451, 200)
    _wait_recorded(edge)
    redis.Redis(unix_socket_path=str(edge.state / "store.sock")).flushall()
    until(lambda: edge.api("GET", "/status")["store_lost_data"], "the loss is noticed")
    assert _statuses(edge) == (451, 200)
    assert edge.metric("edgeward_store_lost") == 1
    _restart(edge, "proxy")
    until(lambda: len(edge.api("GET", "/status")["replicas"]) == 2, "the new worker has looked at the store")
    assert _statuses(edge) == (503, 503)  # policy.not_ready
    assert not edge.api("POST", "/doctor", {})["well"]
    edge.api("POST", "/store/refill", {"why": "a test"})
    until(lambda: _statuses(edge) == (451, 200), "the new worker has the lists")
    assert edge.metric("edgeward_store_lost") == 0
    assert len(edge.api("GET", "/lists/a/entries")["entries"]) >= 2


def test_the_lists_come_back_from_a_worker(edge: Edge) -> None:
    """If the controller died after the loss, its successor asks a worker, which still holds them."""
    _wait_recorded(edge)
    redis.Redis(unix_socket_path=str(edge.state / "store.sock")).flushall()
    until(lambda: edge.api("GET", "/status")["store_lost_data"], "the loss is noticed")
    _restart(edge, "controller")
    until(lambda: edge.call("GET", "/status").status == 200, "the new controller answers")
    until(lambda: edge.api("GET", "/status")["store_lost_data"], "it knows of the loss")
    assert edge.api("POST", "/store/refill", {})["refill"]["lists"] == 1
    assert _statuses(edge) == (451, 200)
    assert [each["name"] for each in edge.api("GET", "/lists")["lists"]] == ["a"]


def test_what_was_served_before_the_loss_is_recorded_again(edge: Edge) -> None:
    """Its sighting was lost, as the status says until every cache was emptied. After the refill it is seen again."""

    def is_seen() -> bool:
        return any(OTHER in each["url"] for each in edge.api("GET", "/sightings")["sightings"])

    for _ in range(3):
        assert _statuses(edge) == (451, 200)
    until(is_seen, "the image is seen")
    redis.Redis(unix_socket_path=str(edge.state / "store.sock")).flushall()
    until(lambda: edge.api("GET", "/status")["store_lost_data"], "the loss is noticed")
    assert edge.api("POST", "/store/refill", {})["sightings_lost"]
    assert edge.api("GET", "/status")["forgotten"]["store_lost"]
    assert not is_seen()
    edge.api("POST", "/store/refill", {"caches_emptied": True})
    assert not edge.api("GET", "/status")["forgotten"]["store_lost"]
    until(lambda: ask(edge.proxy, OTHER).status == 200 and is_seen(), "the image is seen again")

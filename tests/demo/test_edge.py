"""demo/edge.py: a real `edgeward run`, from its start to its end."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.programs import require

from edgeward.demo.edge import ApiError, Edge, free_address, merged_settings, toml, until
from edgeward.demo.http_client import ask
from edgeward.demo.origin import Origin
from edgeward.errors import ApiUnavailable, Unavailable


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    require("redis-server")
    with Origin() as origin:
        origin.put("/page", b"hello", "text/plain")
        settings = {"proxy": {"upstream": f"http://{origin.address}", "workers": 1}, "hashing": {"processes": 1}}
        with Edge(tmp_path_factory.mktemp("edge"), settings) as running:
            yield running


def test_it_is_ready_and_forwards_requests(edge: Edge) -> None:
    """After `start` the proxy delivers what the upstream serves."""
    assert ask(edge.proxy, "/page").body == b"hello"
    assert ask(edge.admin, "/readyz").status == 200


def test_its_processes_are_known(edge: Edge) -> None:
    """`members` has the supervisor, the worker, the controller and the store."""
    processes = edge.run_file["processes"]
    expected = {edge.process.pid, *processes["proxy"], *processes["controller"], processes["store"]}
    assert len(expected) == 4
    assert expected <= set(edge.members())


def test_api_calls_use_the_local_token(edge: Edge) -> None:
    """Lists can be created and read; an error of the API is raised with its text."""
    edge.create_list("known")
    assert [found["name"] for found in edge.api("GET", "/lists")["lists"]] == ["known"]
    with pytest.raises(ApiError, match="404"):
        edge.api("GET", "/lists/unknown")


def test_a_metric_is_read_by_its_name(edge: Edge) -> None:
    """An existing series has its value, a missing one is 0."""
    series = 'edgeward_responses_total{reason="not_image",verdict="deliver"}'
    before = edge.metric(series)
    ask(edge.proxy, "/page")
    until(lambda: edge.metric(series) == before + 1)
    assert edge.metric("edgeward_no_such_thing") == 0


def test_stop_leaves_nothing_running(edge: Edge) -> None:
    """After `stop` none of its processes is alive and its API does not answer. The last test of this one."""
    members = edge.members()
    edge.stop()
    assert len(members) >= 4
    assert not [pid for pid in members if Path(f"/proc/{pid}/exe").exists()]
    assert not (edge.state / "api.json").exists()
    with pytest.raises(ApiUnavailable):
        edge.call("GET", "/status")


def test_a_failed_start_says_why(tmp_path: Path) -> None:
    """An impossible setting ends the start with the message of Edgeward."""
    edge = Edge(tmp_path / "e", {"proxy": {"workers": 0}})
    with pytest.raises(Unavailable, match=r"status 2(.|\n)*workers"):
        edge.start()


def test_settings_are_written_as_toml() -> None:
    """The TOML reads back as the same settings, including tables and arrays of tables."""
    settings = {"caches": [{"name": "a"}, {"name": "b"}], "state_dir": "s", "proxy": {"workers": 2, "x": [1.5, True]}}
    assert tomllib.loads(toml(settings)) == settings


def test_settings_are_merged_by_section() -> None:
    """A section keeps the keys that the other settings do not have."""
    assert merged_settings({"a": {"x": 1, "y": 2}, "b": 1}, {"a": {"y": 3}, "c": 4}) == {
        "a": {"x": 1, "y": 3},
        "b": 1,
        "c": 4,
    }


def test_until_returns_the_time_or_fails() -> None:
    """`until` returns the time it waited, or raises TimeoutError."""
    turns = iter((False, True))
    assert until(lambda: next(turns), pause=0.05) >= 0.05
    with pytest.raises(TimeoutError):
        until(lambda: False, 0.05)


def test_a_free_address_is_free() -> None:
    """Nothing listens at a free address."""
    with pytest.raises(OSError):
        ask(free_address(), "/")

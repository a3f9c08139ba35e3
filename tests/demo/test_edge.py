"""demo/edge.py: a real `edgeward run`, from start to nothing left."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts import require

from edgeward.demo.answer import ask
from edgeward.demo.edge import ApiError, Edge, free_address, merged, toml, until
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


def test_it_is_ready_and_passes_requests_on(edge: Edge) -> None:
    """After start the proxy answers with what the upstream has."""
    assert ask(edge.proxy, "/page").body == b"hello"
    assert ask(edge.admin, "/readyz").status == 200


def test_its_processes_are_known(edge: Edge) -> None:
    """The supervisor, the worker, the controller and the store are among the members."""
    processes = edge.run_file["processes"]
    expected = {edge.process.pid, *processes["proxy"], *processes["controller"], processes["store"]}
    assert len(expected) == 4
    assert expected <= set(edge.members())


def test_the_api_is_asked_with_the_local_token(edge: Edge) -> None:
    """Lists are made and read, and a refusal raises with the problem's text."""
    edge.create_list("known")
    assert [found["name"] for found in edge.api("GET", "/lists")["lists"]] == ["known"]
    with pytest.raises(ApiError, match="404"):
        edge.api("GET", "/lists/unknown")


def test_a_metric_is_read_by_its_name(edge: Edge) -> None:
    """A series that is there has its value, one that is not is 0."""
    series = 'edgeward_responses_total{reason="not_image",verdict="deliver"}'
    before = edge.metric(series)
    ask(edge.proxy, "/page")
    until(lambda: edge.metric(series) == before + 1)
    assert edge.metric("edgeward_no_such_thing") == 0


def test_it_ends_with_nothing_left_behind(tmp_path: Path) -> None:
    """After stop none of its processes lives and its API is gone."""
    edge = Edge(tmp_path / "e", {"proxy": {"workers": 1}, "hashing": {"processes": 1}})
    edge.start()
    members = edge.members()
    edge.stop()
    assert len(members) >= 4
    assert not [pid for pid in members if Path(f"/proc/{pid}/exe").exists()]
    assert not (edge.state / "api.json").exists()
    with pytest.raises(ApiUnavailable):
        edge.call("GET", "/status")


def test_a_failed_start_says_why(tmp_path: Path) -> None:
    """An impossible setting ends the start with Edgeward's own message."""
    edge = Edge(tmp_path / "e", {"proxy": {"workers": 0}})
    with pytest.raises(Unavailable, match=r"status 2(.|\n)*workers"):
        edge.start()


def test_settings_are_written_as_toml() -> None:
    """What is read back is what was meant, tables and arrays of tables too."""
    settings = {"caches": [{"name": "a"}, {"name": "b"}], "state_dir": "s", "proxy": {"workers": 2, "x": [1.5, True]}}
    assert tomllib.loads(toml(settings)) == settings


def test_settings_are_merged_by_section() -> None:
    """A section keeps the keys that the other doesn't name."""
    assert merged({"a": {"x": 1, "y": 2}, "b": 1}, {"a": {"y": 3}, "c": 4}) == {"a": {"x": 1, "y": 3}, "b": 1, "c": 4}


def test_waiting_ends_with_an_error_not_with_success() -> None:
    """What never holds is a TimeoutError; what holds gives the time it took."""
    turns = iter((False, True))
    assert until(lambda: next(turns), pause=0.05) >= 0.05
    with pytest.raises(TimeoutError):
        until(lambda: False, 0.05)


def test_a_free_address_is_free() -> None:
    """Nobody listens there."""
    with pytest.raises(OSError):
        ask(free_address(), "/")

"""Fixtures that every room's tests share: a real Redis for the session, a fresh namespace for each test."""

import itertools
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.parts import require
from tests.store.clusters import ClusterNodes
from tests.store.nodes import Nodes
from tests.store.sentinels import SentinelSet
from xdist.scheduler import LoadFileScheduling

from edgeward.store.connection import Store

TESTS = Path(__file__).parent
LONG = ("scenarios", "store", "demo", "deploy", "takedown", "control", "cli", "isolation", "hashing", "proxy")
"""Rooms whose tests wait for processes, those first that do so longest."""
TOGETHER = "tests/scenarios/shared"
"""Whose stages one process starts, and no other."""
_namespaces = itertools.count()

# A machine that stands still for a moment is no finding.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that no process is left with it at the end."""
    rooms = {room: place for place, room in enumerate(LONG)}
    items.sort(key=lambda item: rooms.get(item.path.relative_to(TESTS).parts[0], len(rooms)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "Filewise":
    return Filewise(config, log)


class Filewise(LoadFileScheduling):
    """A file's tests stay in one process, and so do all that share what takes long to start."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(f"{TOGETHER}/") else super()._split_scope(nodeid)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's shell reaches a test."""
    for name in os.environ:
        if name.startswith("EDGEWARD_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real redis-server that lives as long as the session."""
    directory = tmp_path_factory.mktemp("redis")
    socket_path = directory / "s"
    server = subprocess.Popen(
        [require("redis-server"), "--port", "0", "--unixsocket", socket_path, "--dir", directory, "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(socket_path)
        yield f"unix://{socket_path}"
    finally:
        server.terminate()
        server.wait(60)


def _wait_for(path: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            pytest.fail(f"no server at {path} after {seconds} s")
        time.sleep(0.01)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """A connection to the session's Redis in a namespace of its own."""
    connected = await Store.connect(redis_url, f"test{next(_namespaces)}")
    yield connected
    await connected.close()


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A real Redis Cluster of six that lives as long as the session. Who breaks it heals it."""
    yield from _running(ClusterNodes(tmp_path_factory.mktemp("cluster")))


@pytest.fixture(scope="session")
def redis_sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A real Sentinel set: a master, two replicas, three sentinels; as long as the session. Who breaks it heals it."""
    yield from _running(SentinelSet(tmp_path_factory.mktemp("sentinels")))


def _running(nodes: Nodes) -> Iterator[Nodes]:
    require("redis-cli")
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.stop()


@pytest.fixture(params=["redis_sentinels", "redis_cluster"])
def nodes(request: pytest.FixtureRequest) -> Iterator[Nodes]:
    """Each kind of store of several servers, whole again after the test."""
    each: Nodes = request.getfixturevalue(request.param)
    yield each
    each.heal()


@pytest.fixture
async def spread(nodes: Nodes) -> AsyncIterator[Store]:
    """A connection to each kind of store of several servers, in a namespace of its own."""
    connected = await Store.connect(nodes.url, f"test{next(_namespaces)}")
    yield connected
    await connected.close()

"""Fixtures for all tests: a real Redis for the session, and a new namespace for each test."""

import gc
import itertools
import os
import subprocess
from collections.abc import AsyncIterator, Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings
from tests.store.clusters import ClusterNodes
from tests.store.nodes import Nodes
from tests.store.sentinels import SentinelSet
from tests.support.eventually import until
from tests.support.programs import require
from xdist.scheduler import LoadFileScheduling

from edgeward.demo.caches import Varnish
from edgeward.store.connection import Store

pytest_plugins = (
    "tests.support.real_caches",
    "tests.support.admin_api",
    "tests.support.small_store",
    "tests.support.stepping_store",
)

SLOW_ROOMS = (
    *("scenarios", "unknown_copies", "supervisor", "disturb", "demo", "doctor", "deploy", "store", "proxy", "hashing"),
    *("operations", "api", "caches", "sightings", "lists", "purging", "origin_check", "cli", "isolation"),
    *("classifying", "background", "controller", "retromatch", "takedowns", "imports", "fuzz", "matching", "detection"),
)
"""Rooms whose tests wait for processes, the slowest first."""
SHARED_STACKS = ("tests/scenarios/clients_that_leave", "tests/scenarios/shared_stacks", "tests/unknown_copies")
"""All tests below each run in one process, since they share stacks that take seconds to start."""
STORE_TIMEOUT_MS = 30_000
"""A store that answers late on a busy machine is not away."""
_namespaces = itertools.count()

# A hundred tests start a Varnish each: to compile its VCL takes a third of the time if it is not optimized.
Varnish.compiler = "exec cc -O0 -fpic -shared -o %o %s"

# A machine that stands still for a moment is not a failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "measures_time: its result depends on how long something takes; skipped by `make disturb`"
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and tests live until the end: the garbage collector does not traverse them, neither now nor later.

    This halves the time of collection, which each process of xdist does for itself.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow rooms come first, so that no process is left with one at the end."""
    rooms = {room: place for place, room in enumerate(SLOW_ROOMS)}
    items.sort(key=lambda item: rooms.get(item.nodeid.split("/")[1], len(rooms)))  # tests/ROOM/...


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "FileScheduling":
    return FileScheduling(config, log)


class FileScheduling(LoadFileScheduling):
    """All tests of a file run in one process, and so do all that share stacks."""

    def _split_scope(self, nodeid: str) -> str:
        shared = (directory for directory in SHARED_STACKS if nodeid.startswith(f"{directory}/"))
        return next(shared, super()._split_scope(nodeid))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings in the developer's shell do not affect tests."""
    for name in os.environ:
        if name.startswith("EDGEWARD_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real redis-server that runs for the whole session."""
    directory = tmp_path_factory.mktemp("redis")
    socket_path = directory / "s"
    server = subprocess.Popen(
        [require("redis-server"), "--port", "0", "--unixsocket", socket_path, "--dir", directory, "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    try:
        until(socket_path.exists, f"a server at {socket_path}")
        yield f"unix://{socket_path}"
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """A connection to the session's Redis, with its own namespace."""
    connected = await Store.connect(redis_url, f"test{next(_namespaces)}", timeout_ms=STORE_TIMEOUT_MS)
    yield connected
    await connected.close()


@pytest.fixture(scope="module")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A real Redis Cluster of six servers, for the tests of a file. A test that breaks it must heal it.

    It ends with them: servers that watch one another take time of the processor while no test uses them.
    """
    yield from _running(ClusterNodes(tmp_path_factory.mktemp("cluster")))


@pytest.fixture(scope="module")
def redis_sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A master, two replicas and three sentinels, for the tests of a file. A test that breaks them must heal them."""
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
    """Each kind of store with several servers, healed after the test."""
    each: Nodes = request.getfixturevalue(request.param)
    yield each
    each.heal()


@pytest.fixture
async def spread(nodes: Nodes) -> AsyncIterator[Store]:
    """A connection to each kind of store with several servers, with its own namespace."""
    connected = await Store.connect(nodes.url, f"test{next(_namespaces)}")
    yield connected
    await connected.close()

"""One stack for each placement and kind of cache, shared by all scenarios below here: each leaves it as it found it.

To start a stack takes seconds. One process runs all these tests (tests/conftest.py), one kind of cache after the other.
"""

from collections.abc import Iterator

import pytest
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.stacks import add_lists, stack_with_lists
from tests.support.programs import require

from edgeward.demo.caches import SERVERS, CacheServer, Varnish
from edgeward.demo.edge import Settings
from edgeward.demo.stack import Stack

SETTINGS: Settings = {
    "proxy": {"workers": 1},
    "purge": {"repeat_seconds": [0.5, 1.5], "backoff_max_seconds": 0.5, "check_keys_seconds": 0},
    "hashing": {"data_uris": True},
}
"""Of the stacks with each kind of cache."""


@pytest.fixture(scope="package")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """client -> Edgeward -> Varnish -> origin, with a list `removed` and an allowlist `cleared`."""
    with stack_with_lists(tmp_path_factory.mktemp("front"), "front") as stack:
        yield stack


@pytest.fixture(scope="package")
def fill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """client -> Varnish -> Edgeward -> origin, with the same lists."""
    with stack_with_lists(tmp_path_factory.mktemp("fill"), "fill") as stack:
        yield stack


@pytest.fixture(scope="package", params=SERVERS, ids=lambda kind: kind.driver)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """client -> Edgeward -> a cache -> origin, with hashing.data_uris and a Varnish beside the cache.

    One kind of cache after the other: a stack that waits for its turn takes time of the processor too.
    """
    kind: type[CacheServer] = request.param
    require("varnishd")
    require(kind.program)
    with Stack(tmp_path_factory.mktemp(kind.driver), "front", kind, SETTINGS, beside=[Varnish]) as stack:
        add_lists(stack)
        yield stack
        assert_no_defects(stack)

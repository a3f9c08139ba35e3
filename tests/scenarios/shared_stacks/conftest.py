"""One stack for each placement and kind of cache, shared by all scenarios below here: each leaves it as it found it.

To start a stack takes seconds. One process runs all these tests (tests/conftest.py), and stacks end with the last test.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.stacks import add_lists, stack_with_lists
from tests.support.programs import require

from edgeward.demo.caches import SERVERS, CacheServer, Varnish
from edgeward.demo.stack import Stack


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


@pytest.fixture(scope="package")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[type[CacheServer]], Stack]]:
    """Returns the stack for a kind of cache: started at the first call, and kept. All have hashing.data_uris."""
    settings = {
        "proxy": {"workers": 1},
        "purge": {"repeat_seconds": [0.5, 1.5], "backoff_max_seconds": 0.5, "check_keys_seconds": 0},
        "hashing": {"data_uris": True},
    }
    with ExitStack() as running:

        @cache
        def stack_of(kind: type[CacheServer]) -> Stack:
            directory = tmp_path_factory.mktemp(kind.driver)
            stack = running.enter_context(Stack(directory, "front", kind, settings, beside=[Varnish]))
            add_lists(stack)
            running.callback(assert_no_defects, stack)
            return stack

        yield stack_of


@pytest.fixture(scope="package", params=SERVERS, ids=lambda kind: kind.driver)
def stack(request: pytest.FixtureRequest, stacks: Callable[[type[CacheServer]], Stack]) -> Stack:
    """client -> Edgeward -> a cache -> origin, with each kind of cache in turn and a Varnish beside it."""
    require("varnishd")
    require(request.param.program)
    return stacks(request.param)

"""The whole real thing for stories: one stage per placement and kind of cache. All leave it as they found it.

One process runs them all (tests/conftest.py), and the stages end with the last of them: to start one takes seconds.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from tests.parts import require
from tests.scenarios.defects import without_defects
from tests.scenarios.listed import add_lists, listed

from edgeward.demo.caches import SERVERS, CacheServer, Varnish
from edgeward.demo.stage import Stage


@pytest.fixture(scope="package")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """client -> Edgeward -> Varnish -> origin, with a list `removed` and an allowlist `cleared`."""
    with listed(tmp_path_factory.mktemp("front"), "front") as stage:
        yield stage


@pytest.fixture(scope="package")
def fill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """client -> Varnish -> Edgeward -> origin, with the same lists."""
    with listed(tmp_path_factory.mktemp("fill"), "fill") as stage:
        yield stage


@pytest.fixture(scope="package")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[type[CacheServer]], Stage]]:
    """One stage for each kind of cache, begun when it is first asked for, and kept: to start one takes seconds."""
    quick = {"proxy": {"workers": 1}, "purge": {"repeat_seconds": [0.5, 1.5], "backoff_max_seconds": 0.5}}
    with ExitStack() as running:

        @cache
        def stage_of(kind: type[CacheServer]) -> Stage:
            directory = tmp_path_factory.mktemp(kind.driver)
            stage = running.enter_context(Stage(directory, "front", kind, quick, beside=[Varnish]))
            add_lists(stage)
            running.callback(without_defects, stage)
            return stage

        yield stage_of


@pytest.fixture(scope="package", params=SERVERS, ids=lambda kind: kind.driver)
def stage(request: pytest.FixtureRequest, stages: Callable[[type[CacheServer]], Stage]) -> Stage:
    """client -> Edgeward -> a cache -> origin, with each kind of cache in turn and a Varnish beside it."""
    require("varnishd")
    require(request.param.program)
    return stages(request.param)

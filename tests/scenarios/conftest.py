"""A whole stage for a story that breaks it, or wants one of its own."""

from collections.abc import Iterator

import pytest
from tests.parts import require
from tests.scenarios.defects import without_defects
from tests.scenarios.lists import add_lists

from edgeward.demo.stage import Stage


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A front stage apart, for stories that break it and see it mend."""
    require("varnishd")
    with Stage(tmp_path_factory.mktemp("breakable"), "front") as stage:
        add_lists(stage)
        yield stage
        without_defects(stage)

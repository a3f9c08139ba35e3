"""A whole stage for a story that breaks it, or wants one of its own."""

from collections.abc import Iterator

import pytest
from tests.scenarios.listed import listed

from edgeward.demo.stage import Stage


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A front stage apart, for stories that break it and see it mend."""
    with listed(tmp_path_factory.mktemp("breakable"), "front") as stage:
        yield stage

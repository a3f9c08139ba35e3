"""A stack for scenarios that break it."""

from collections.abc import Iterator

import pytest
from tests.scenarios.stacks import stack_with_lists

from edgeward.demo.stack import Stack


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own in placement front, for scenarios that break it and see it recover."""
    # A slow machine may need more than the default to end the other worker while one still serves.
    settings = {"proxy": {"drain_seconds": 30}}
    with stack_with_lists(tmp_path_factory.mktemp("breakable"), "front", settings) as stack:
        yield stack

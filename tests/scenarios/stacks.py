"""Stages with the lists that scenarios use; at the end of each, no part of Edgeward may have failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scenarios.assertions import assert_no_defects
from tests.support.programs import require

from edgeward.demo.edge import Settings
from edgeward.demo.stack import Placement, Stack


def add_lists(stack: Stack) -> None:
    """Create a blocklist `removed` and an allowlist `cleared`."""
    stack.edge.create_list("removed")
    stack.edge.create_list("cleared", kind="allow")


@contextmanager
def stack_with_lists(directory: Path, placement: Placement, settings: Settings | None = None) -> Iterator[Stack]:
    """A running stack with one Varnish and the lists of `add_lists`."""
    require("varnishd")
    with Stack(directory, placement, settings=settings) as stack:
        add_lists(stack)
        yield stack
        assert_no_defects(stack)

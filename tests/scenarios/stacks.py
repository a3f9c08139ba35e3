"""Stages with the lists that scenarios use; at the end of each, no part of Edgeward may have failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scenarios.assertions import assert_no_defects
from tests.support.programs import require

from edgeward.demo.edge import Settings, merged_settings
from edgeward.demo.stack import Placement, Stack

NO_KEY_CHECKS: Settings = {"purge": {"check_keys_seconds": 0}}
"""For what runs longer than a minute: a check purges what it has stored, beside the purges and fetches of a test."""


def add_lists(stack: Stack) -> None:
    """Create a blocklist `removed` and an allowlist `cleared`."""
    stack.edge.create_list("removed")
    stack.edge.create_list("cleared", kind="allow")


@contextmanager
def stack_with_lists(directory: Path, placement: Placement, settings: Settings | None = None) -> Iterator[Stack]:
    """A running stack with one Varnish and the lists of `add_lists`."""
    require("varnishd")
    with Stack(directory, placement, settings=merged_settings(NO_KEY_CHECKS, settings or {})) as stack:
        add_lists(stack)
        yield stack
        assert_no_defects(stack)

"""Stages as stories find them: with their lists, and held to having had no defect."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts import require
from tests.scenarios.defects import without_defects

from edgeward.demo.stage import Placement, Stage


def add_lists(stage: Stage) -> None:
    """A blocklist `removed` and an allowlist `cleared`."""
    stage.edge.create_list("removed")
    stage.edge.create_list("cleared", kind="allow")


@contextmanager
def listed(directory: Path, placement: Placement) -> Iterator[Stage]:
    """A stage with one Varnish."""
    require("varnishd")
    with Stage(directory, placement) as stage:
        add_lists(stage)
        yield stage
        without_defects(stage)

"""The lists that stories find."""

from edgeward.demo.stage import Stage


def add_lists(stage: Stage) -> None:
    """A blocklist `removed` and an allowlist `cleared`."""
    stage.edge.create_list("removed")
    stage.edge.create_list("cleared", kind="allow")

"""What must hold after every scenario."""

from edgeward.demo.http_client import ask
from edgeward.demo.stack import Stack


def assert_no_defects(stack: Stack) -> None:
    """No part of Edgeward has failed, and the log holds no traceback."""
    metrics = ask(stack.edge.admin, "/metrics").body.decode()
    assert [line for line in metrics.splitlines() if line.startswith("edgeward_gate_errors_total{")] == []
    assert "Traceback" not in stack.edge.log.read_text(errors="replace")

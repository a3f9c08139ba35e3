"""What no story may leave behind."""

from edgeward.demo.answer import ask
from edgeward.demo.stage import Stage


def without_defects(stage: Stage) -> None:
    """Whatever was played: no part of Edgeward failed, and no traceback stands in the log."""
    metrics = ask(stage.edge.admin, "/metrics").body.decode()
    assert [line for line in metrics.splitlines() if line.startswith("edgeward_gate_errors_total{")] == []
    assert "Traceback" not in stage.edge.log.read_text(errors="replace")

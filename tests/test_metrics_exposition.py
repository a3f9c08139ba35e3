"""/metrics: the sum of what the processes of a machine have written."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from edgeward import metrics_exposition
from edgeward.process_states import STATES_FD, ProcessState, SharedStates


def run(code: str, directory: Path) -> str:
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory), "PYTHONPATH": "addons"}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environ, capture_output=True, text=True, check=True
    ).stdout


def test_processes_are_added_up(tmp_path: Path) -> None:
    """The exposition sums the counters of all processes, including those that have ended."""
    code = """
        from edgeward import metrics
        metrics.responses.labels("block", "match").inc()
        metrics.blocklist_contact_timestamp.set(1_000_000)
    """
    run(code, tmp_path)
    out = run(
        code + "\n        from edgeward.metrics_exposition import exposition; print(exposition().decode())", tmp_path
    )
    assert 'edgeward_responses_total{reason="match",verdict="block"} 2.0' in out
    lag = next(line for line in out.splitlines() if line.startswith("edgeward_blocklist_lag_seconds"))
    assert float(lag.split()[-1]) > 1_000_000


def test_a_process_alone_shows_its_own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the directory of the supervisor a process exports its own metrics."""
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    assert b"edgeward_responses_total" in metrics_exposition.exposition()


def test_a_directory_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the shared directory the process still exports its own metrics."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "gone"))
    assert b"edgeward_responses_total" in metrics_exposition.exposition()


def test_processes_that_are_down_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the supervisor says of its processes is exported, by role."""
    states = SharedStates()
    states.publish(
        [
            ProcessState("proxy", 1, 2, down=True, restarts=4),
            ProcessState("proxy", 2, 2, restarts=1),
            ProcessState("controller"),
        ]
    )
    monkeypatch.setenv(STATES_FD, str(states.fd))
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    lines = metrics_exposition.exposition().decode().splitlines()
    assert 'edgeward_processes_down{role="proxy"} 1.0' in lines
    assert 'edgeward_processes_down{role="controller"} 0.0' in lines
    assert 'edgeward_process_restarts{role="proxy"} 5.0' in lines
    states.close()

"""The metrics of a machine, as Prometheus reads them."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from edgeward.exposition import exposition


def run(code: str, directory: Path) -> str:
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory), "PYTHONPATH": "addons"}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environ, capture_output=True, text=True, check=True
    ).stdout


def test_processes_are_added_up(tmp_path: Path) -> None:
    """The exposition sums the counters of all processes, including those that have ended."""
    code = """
        from edgeward import metrics
        from edgeward.exposition import exposition
        metrics.responses.labels("block", "match").inc()
        metrics.blocklist_contact_timestamp.set(1_000_000)
    """
    run(code, tmp_path)
    out = run(code + "\n        print(exposition().decode())", tmp_path)
    assert 'edgeward_responses_total{reason="match",verdict="block"} 2.0' in out
    lag = next(line for line in out.splitlines() if line.startswith("edgeward_blocklist_lag_seconds"))
    assert float(lag.split()[-1]) > 1_000_000


def test_a_process_alone_shows_its_own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the directory of the supervisor a process exports its own metrics."""
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    assert b"edgeward_responses_total" in exposition()

"""Every metric in one table, with unit and meaning; added up over all processes."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from prometheus_client import Metric

from edgeward import metrics

UNITS = (
    "_seconds",
    "_total",
    "_entries",
    "_version",
    "_pending",
    "_info",
    "_unverified",
    "_images",
    "_queue",
    "_isolation",
)
ALLOWED_LABELS = {
    "way", "verdict", "reason", "source", "result", "cause", "role", "hook", "list", "signal", "cache", "outcome",
    "route", "status", "le", "pid", "layer", "classifier",
}  # fmt: skip


def families() -> list[Metric]:
    return list(metrics.registry.collect())


def test_names_have_prefix_and_unit() -> None:
    """edgeward_ in front, a unit or what is counted behind."""
    for family in families():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name.startswith("edgeward_")
        assert name.endswith(UNITS), name
        assert family.documentation.endswith("."), name


def test_no_label_can_carry_a_secret() -> None:
    """Labels come from a fixed set: none for URLs, hashes or clients."""
    for family in families():
        for sample in family.samples:
            assert set(sample.labels) <= ALLOWED_LABELS, family.name


def run(code: str, directory: Path) -> str:
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory), "PYTHONPATH": "addons"}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environ, capture_output=True, text=True, check=True
    ).stdout


def test_processes_are_added_up(tmp_path: Path) -> None:
    """Counters of all processes, those that have ended too, make one exposition."""
    code = """
        from edgeward import metrics
        metrics.responses.labels("block", "match").inc()
        metrics.blocklist_contact.set(1_000_000)
    """
    run(code, tmp_path)
    out = run(code + "\n        print(metrics.exposition().decode())", tmp_path)
    assert 'edgeward_responses_total{reason="match",verdict="block"} 2.0' in out
    lag = next(line for line in out.splitlines() if line.startswith("edgeward_blocklist_lag_seconds"))
    assert float(lag.split()[-1]) > 1_000_000


def test_without_a_directory_this_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process on its own shows its own metrics."""
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    assert b"edgeward_responses_total" in metrics.exposition()

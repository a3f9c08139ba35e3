"""What the supervisor writes to state_dir."""

import json
import os
from pathlib import Path

import pytest
from tests.supervisor.mounts import read_only

from edgeward.supervisor.state_files import METRICS_DIR, StateFiles


def test_run_file_and_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """run.json is replaced and removed; metrics of an earlier run are deleted, and the gauges of a dead process."""
    monkeypatch.setenv(METRICS_DIR, "before")
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    (metrics / "counter_1.db").touch()
    files = StateFiles(tmp_path)
    files.delete_metrics()
    assert (os.environ[METRICS_DIR], list(metrics.iterdir())) == (str(metrics), [])
    for name in ("gauge_livemax_1.db", "gauge_livemax_2.db", "counter_1.db"):
        (metrics / name).touch()
    files.delete_gauges(1)
    assert {each.name for each in metrics.iterdir()} == {"gauge_livemax_2.db", "counter_1.db"}
    files.write_run_file({"pid": 1})
    assert json.loads((tmp_path / "run.json").read_text()) == {"pid": 1}
    files.remove_run_file()
    files.remove_run_file()
    assert not (tmp_path / "run.json").exists()


def test_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure is logged with its reason and raises nothing."""
    monkeypatch.setenv(METRICS_DIR, "before")
    state = tmp_path / "state"
    (state / "metrics").mkdir(parents=True)
    (state / "metrics" / "gauge_livemax_1.db").touch()
    (state / "run.json").touch()
    files = StateFiles(state)
    with read_only(state):
        files.write_run_file({})
        files.delete_gauges(1)
        files.remove_run_file()
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == ["Read-only file system"] * 3

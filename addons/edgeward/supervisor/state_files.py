"""What the supervisor writes to state_dir. It may be full, read-only or deleted: that is logged, and all goes on."""

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"


def unusable_state_dir(state_dir: Path, error: OSError) -> str:
    """Why nothing can be written there, and what to do."""
    fix = "Set state_dir to a directory that this user may create and write to, on a disk that is not full"
    return f"state_dir = {str(state_dir)!r}: {error.strerror or error}. {fix}"


class StateFiles:
    """run.json, and the directory in which processes share their metrics. `state_dir` is absolute."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._metrics = state_dir / "metrics"

    def delete_metrics(self) -> None:
        """Start with an empty directory: counters of an earlier run would be added to those of this one."""
        shutil.rmtree(self._metrics, ignore_errors=True)
        with self._tolerant():
            self._metrics.mkdir(exist_ok=True)
        os.environ[METRICS_DIR] = str(self._metrics)

    def delete_gauges(self, pid: int) -> None:
        """Delete the gauges of a dead process; its counters stay.

        Does not use edgeward.metrics: once that is imported, the supervisor exports gauges too, all 0.
        """
        with self._tolerant():
            for file in self._metrics.glob(f"gauge_live*_{pid}.db"):
                file.unlink(missing_ok=True)

    def write_run_file(self, state: Mapping[str, Any]) -> None:
        """Write addresses and process ids to run.json."""
        temporary = self._state_dir / "run.json.new"
        with self._tolerant():
            self._state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_text(json.dumps(state))
            temporary.replace(self._state_dir / "run.json")

    def remove_run_file(self) -> None:
        with self._tolerant():
            (self._state_dir / "run.json").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _tolerant(self) -> Any:
        try:
            yield
        except OSError as error:
            logger.error("state_dir = %r can't be written: %s", str(self._state_dir), error.strerror or error)

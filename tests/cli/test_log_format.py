"""The log lines of the long-running commands."""

import json
import logging
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from edgeward.cli.log_format import configure_logging

MILLISECOND = timedelta(milliseconds=1)


def test_log_lines_have_time_level_and_process(root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """A line has time (UTC), level, logger and process; INFO lines of other libraries are left out."""
    root_logger.handlers.clear()
    configure_logging(as_json=False)
    began = datetime.now(UTC) - MILLISECOND
    logging.getLogger("edgeward.proxy").info("started %d", 1)
    ended = datetime.now(UTC)
    logging.getLogger("mitmproxy").info("GET http://secret/")
    (line,) = capsys.readouterr().err.splitlines()
    stamp, rest = line.split(maxsplit=1)
    assert rest == f"INFO edgeward.proxy[{os.getpid()}]: started 1"
    assert began <= datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%f%z") <= ended
    assert stamp.endswith("Z")


def test_log_lines_as_json(root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json each line is an object, with the traceback in it."""
    root_logger.handlers.clear()
    configure_logging(as_json=True)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("edgeward.x").exception("failed")
    (text,) = capsys.readouterr().err.splitlines()
    line = json.loads(text)
    assert (line["level"], line["logger"], line["pid"], line["message"]) == (
        "ERROR",
        "edgeward.x",
        os.getpid(),
        "failed",
    )
    assert line["at"] == pytest.approx(time.time(), abs=5)
    assert "ValueError: broken" in line["traceback"]

"""What `run`, `proxy` and `controller` do before the work begins, and how they end when it can't."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgeward.cli import processes
from edgeward.cli.main import main
from edgeward.errors import ConfigError

ROOT = Path(__file__).parents[2]
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards. The test has to clear its handlers: pytest's come after fixtures."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    own = logging.getLogger("edgeward").level
    yield root
    root.handlers[:], root.level = handlers, level
    logging.getLogger("edgeward").setLevel(own)


def _start(*argv: object, **environ: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if name != processes.METRICS_DIR}
    return subprocess.Popen(
        [sys.executable, "-m", "edgeward", *map(str, argv)],
        env={**inherited, "PYTHONPATH": str(ROOT / "addons"), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _config(directory: Path, store: str) -> Path:
    path = directory / "edgeward.toml"
    path.write_text(
        f'state_dir = "state"\n[store]\nurl = "{store}"\n'
        '[admin]\nlisten = "127.0.0.1:0"\n[proxy]\nlisten = "127.0.0.1:0"\nworkers = 1\n'
    )
    return path


def test_a_controller_without_a_store_is_status_3(tmp_path: Path) -> None:
    """A store that can't be reached is named; the password in its URL is not."""
    config = _config(tmp_path, f"unix://u:hush@{tmp_path}/none.sock")
    process = _start("controller", "-c", config)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert out == ""
    assert "none.sock" in err
    assert "hush" not in err
    assert "Traceback" not in err


def test_a_controller_runs_until_it_is_told_to_end(tmp_path: Path, redis_url: str) -> None:
    """Started apart it serves, keeps its metrics in state_dir/metrics, and SIGTERM ends it with 0."""
    process = _start("controller", "-c", _config(tmp_path, redis_url), EDGEWARD_STORE__NAMESPACE=tmp_path.name)
    token = tmp_path / "state" / "api.json"
    deadline = time.monotonic() + 60
    while not token.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no api.json"
        time.sleep(0.02)
    assert list((tmp_path / "state" / "metrics").glob("*.db"))
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert not token.exists()


@pytest.mark.parametrize("command", ["run", "proxy", "controller"])
def test_an_impossible_state_dir_is_named(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root_logger: logging.Logger
) -> None:
    """A state_dir that can't be made is a ConfigError that names the setting."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGEWARD_STATE_DIR", str(tmp_path / "file" / "state"))
    with pytest.raises(ConfigError, match=r"state_dir: .*file/state"):
        main([command])


def test_the_supervisors_metrics_directory_is_kept(tmp_path: Path, redis_url: str) -> None:
    """A child of `run` writes its metrics where the supervisor said, not into a directory of its own."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    store = f"unix://{tmp_path}/none.sock"
    process = _start("controller", "-c", _config(tmp_path, store), PROMETHEUS_MULTIPROC_DIR=str(elsewhere))
    process.communicate(timeout=60)
    assert list(elsewhere.glob("*.db"))
    assert not list((tmp_path / "state" / "metrics").glob("*.db"))


def test_log_lines_have_time_level_and_process(root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """A line says when (UTC), how grave, who; others' INFO lines, which name URLs, are left out."""
    root_logger.handlers.clear()
    processes._log(as_json=False)
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
    """One object a line, the traceback inside it."""
    root_logger.handlers.clear()
    processes._log(as_json=True)
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

"""How `run`, `proxy` and `controller` prepare their process, and how they end if that fails."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.eventually import until

from edgeward.cli import processes
from edgeward.cli.main import main
from edgeward.errors import ConfigError

ROOT = Path(__file__).parents[2]


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
    """An unreachable store is named without the password in its URL."""
    config = _config(tmp_path, f"unix://u:hush@{tmp_path}/none.sock")
    process = _start("controller", "-c", config)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert out == ""
    assert "none.sock" in err
    assert "hush" not in err
    assert "Traceback" not in err


def test_a_controller_runs_until_sigterm(tmp_path: Path, redis_url: str) -> None:
    """A controller by itself serves, writes metrics to state_dir/metrics, and ends with 0 on SIGTERM."""
    process = _start("controller", "-c", _config(tmp_path, redis_url), EDGEWARD_STORE__NAMESPACE=tmp_path.name)
    token = tmp_path / "state" / "api.json"
    until(lambda: token.exists() or process.poll() is not None, "api.json or the end of the controller")
    assert process.poll() is None, process.communicate()
    assert list((tmp_path / "state" / "metrics").glob("*.db"))
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert not token.exists()


@pytest.mark.parametrize("command", ["run", "proxy", "controller"])
def test_an_impossible_state_dir_is_named(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root_logger: logging.Logger
) -> None:
    """A state_dir that can't be created is a ConfigError that names the setting, and says what to do."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGEWARD_STATE_DIR", str(tmp_path / "file" / "state"))
    with pytest.raises(ConfigError, match=r"state_dir = .*file/state.*Set state_dir to"):
        main([command])


def test_a_child_process_uses_the_metrics_directory_of_run(tmp_path: Path, redis_url: str) -> None:
    """A child process of `run` writes its metrics to the directory that the supervisor has set."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    store = f"unix://{tmp_path}/none.sock"
    process = _start("controller", "-c", _config(tmp_path, store), PROMETHEUS_MULTIPROC_DIR=str(elsewhere))
    process.communicate(timeout=60)
    assert list(elsewhere.glob("*.db"))
    assert not list((tmp_path / "state" / "metrics").glob("*.db"))

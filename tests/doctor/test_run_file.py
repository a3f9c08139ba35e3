"""What `edgeward run` says of itself."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from edgeward.doctor.run_file import RunFile, is_running


def written(pid: int) -> str:
    processes = {"proxy": [3, 4], "controller": [5], "store": None}
    return json.dumps({"pid": pid, "proxy": "127.0.0.1:80", "admin": "127.0.0.1:81", "processes": processes})


def test_it_is_read_while_its_process_lives(tmp_path: Path) -> None:
    """Afterwards it says nothing."""
    (tmp_path / "run.json").write_text(written(os.getpid()))
    found = RunFile.read(tmp_path)
    assert found == RunFile(os.getpid(), "127.0.0.1:80", "127.0.0.1:81", (3, 4), (5,), None)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / "run.json").write_text(written(ended.pid))
    assert RunFile.read(tmp_path) is None
    assert not is_running(ended.pid)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": "x"}'])
def test_a_damaged_file_says_nothing(tmp_path: Path, text: str) -> None:
    """As a missing one."""
    assert RunFile.read(tmp_path) is None
    (tmp_path / "run.json").write_text(text)
    assert RunFile.read(tmp_path) is None

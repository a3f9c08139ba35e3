"""The file that tells commands on the same machine where the API is."""

import asyncio
import json
import os
import socket
import stat
from pathlib import Path

import pytest
from tests.support.controllers import RunningController
from tests.support.eventually import eventually, until

from edgeward.controller import local_access_file
from edgeward.controller.local_access_file import LocalAccessFile, url_of
from edgeward.errors import ConfigError


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Other users of the machine must not get a token."""
    access_file = LocalAccessFile(tmp_path / "new" / "state", "http://127.0.0.1:1", "ew_x")
    old = os.umask(0)
    try:
        access_file.write()
    finally:
        os.umask(old)
    assert stat.S_IMODE(access_file.path.stat().st_mode) == 0o600
    assert json.loads(access_file.path.read_text()) == {
        "url": "http://127.0.0.1:1",
        "token": "ew_x",
        "pid": os.getpid(),
    }
    assert [path.name for path in access_file.path.parent.iterdir()] == ["api.json"]


def test_it_is_removed_unless_another_controller_wrote_it(tmp_path: Path) -> None:
    """A controller that ends late must not remove its successor's file."""
    old, new = (
        LocalAccessFile(tmp_path, "http://127.0.0.1:1", "ew_old"),
        LocalAccessFile(tmp_path, "http://127.0.0.1:1", "ew_new"),
    )
    old.write()
    new.write()
    old.remove()
    assert json.loads(new.path.read_text())["token"] == "ew_new"
    new.remove()
    assert not new.path.exists()
    new.remove()


async def test_a_missing_file_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find a controller that runs, also after another one of its state_dir has ended."""
    monkeypatch.setattr(local_access_file, "LOOK_SECONDS", 0.01)
    own, other = (LocalAccessFile(tmp_path, "http://127.0.0.1:1", token) for token in ("ew_own", "ew_other"))
    own.write()
    keeping = asyncio.create_task(own.keep())
    other.write()
    assert json.loads(own.path.read_text())["token"] == "ew_other"
    other.remove()
    await eventually(own.path.exists, "the file")
    assert json.loads(own.path.read_text())["token"] == "ew_own"
    keeping.cancel()
    own.remove()
    assert not own.path.exists()


def test_a_state_dir_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    """The error names the directory."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        LocalAccessFile(tmp_path / "file", "http://127.0.0.1:1", "ew_x").write()


@pytest.mark.parametrize(
    ("host", "family", "url"),
    [
        ("127.0.0.1", socket.AF_INET, "http://127.0.0.1:"),
        ("0.0.0.0", socket.AF_INET, "http://127.0.0.1:"),
        ("::1", socket.AF_INET6, "http://[::1]:"),
        ("::", socket.AF_INET6, "http://[::1]:"),
    ],
)
def test_the_url_can_be_reached_from_this_machine(host: str, family: socket.AddressFamily, url: str) -> None:
    """A socket on all addresses has the URL of the loopback address."""
    with socket.create_server((host, 0), family=family) as listening:
        assert url_of(listening) == f"{url}{listening.getsockname()[1]}"


def test_a_running_controller_has_written_its_url_and_an_admin_token(controller: RunningController) -> None:
    """The file gives full access to the API on this machine."""
    access = json.loads(controller.access_file.read_text())
    assert access["pid"] == os.getpid()
    assert controller.api.get("/tokens").status == 200


def test_a_running_controller_writes_a_missing_file_again(controller: RunningController) -> None:
    """A second controller with its state_dir removes the file when it ends: commands find the first one again."""
    access = controller.access_file.read_text()
    controller.access_file.unlink()
    until(controller.access_file.exists, "the file")
    assert controller.access_file.read_text() == access

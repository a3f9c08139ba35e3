"""The file that tells commands on the same machine where the API is."""

import json
import os
import socket
import stat
from pathlib import Path

import pytest
from tests.control.controllers import RunningController

from edgeward.control.door import Door, url_of
from edgeward.errors import ConfigError


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Who can't read state_dir's owner's files must not get a token."""
    door = Door(tmp_path / "new" / "state", "http://127.0.0.1:1", "ew_x")
    old = os.umask(0)
    try:
        door.open()
    finally:
        os.umask(old)
    assert stat.S_IMODE(door.path.stat().st_mode) == 0o600
    assert json.loads(door.path.read_text()) == {"url": "http://127.0.0.1:1", "token": "ew_x", "pid": os.getpid()}
    assert [path.name for path in door.path.parent.iterdir()] == ["api.json"]


def test_it_is_removed_unless_it_is_anothers(tmp_path: Path) -> None:
    """A controller that ends late must not shut the door of its successor."""
    old, new = Door(tmp_path, "http://127.0.0.1:1", "ew_old"), Door(tmp_path, "http://127.0.0.1:1", "ew_new")
    old.open()
    new.open()
    old.close()
    assert json.loads(new.path.read_text())["token"] == "ew_new"
    new.close()
    assert not new.path.exists()
    new.close()


def test_a_state_dir_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    """The error says which directory."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        Door(tmp_path / "file", "http://127.0.0.1:1", "ew_x").open()


@pytest.mark.parametrize(
    ("host", "family", "url"),
    [
        ("127.0.0.1", socket.AF_INET, "http://127.0.0.1:"),
        ("0.0.0.0", socket.AF_INET, "http://127.0.0.1:"),
        ("::1", socket.AF_INET6, "http://[::1]:"),
        ("::", socket.AF_INET6, "http://[::1]:"),
    ],
)
def test_the_address_can_be_reached_from_here(host: str, family: socket.AddressFamily, url: str) -> None:
    """A socket on every address is told as the loopback one."""
    with socket.create_server((host, 0), family=family) as listening:
        told = url_of(listening)
        assert told == f"{url}{listening.getsockname()[1]}"


def test_a_running_controller_leaves_its_address_and_an_admin_token(controller: RunningController) -> None:
    """What the file says opens everything on this machine."""
    door = json.loads(controller.door.read_text())
    assert door["pid"] == os.getpid()
    assert controller.api.get("/tokens").status == 200

"""Disks that are full or read-only."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chaos.disks import Disk, can_mount


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if not can_mount():
        pytest.skip("only root may mount file systems")
    disk = Disk(tmp_path / "disk")
    disk.mount()
    yield disk
    disk.unmount()


def test_a_full_disk_takes_nothing_until_there_is_room(disk: Disk, tmp_path: Path) -> None:
    """Frozen, a disk has no room for one more file; resumed, it has."""
    file = tmp_path / "disk" / "file"
    file.write_bytes(b"before")
    disk.pause()
    with pytest.raises(OSError) as full:
        (tmp_path / "disk" / "another").write_bytes(bytes(1024 * 1024))
    assert full.value.errno == errno.ENOSPC
    disk.resume()
    file.write_bytes(bytes(1024 * 1024))


def test_a_read_only_disk_keeps_what_is_open(disk: Disk, tmp_path: Path) -> None:
    """New files can't be written; a file that is open can."""
    file = tmp_path / "disk" / "file"
    with file.open("wb", buffering=0) as opened:
        disk.kill()
        with pytest.raises(OSError) as read_only:
            (tmp_path / "disk" / "another").write_bytes(b"x")
        assert read_only.value.errno == errno.EROFS
        opened.write(b"still")
    disk.start()
    assert file.read_bytes() == b"still"
    (tmp_path / "disk" / "another").write_bytes(b"x")


def test_the_files_of_a_disk_stay(disk: Disk, tmp_path: Path) -> None:
    """After the run they are in the directory, for whoever looks for a cause; sockets are not."""
    (tmp_path / "disk" / "store").mkdir()
    (tmp_path / "disk" / "store" / "data").write_bytes(b"data")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "disk" / "socket"))
    disk.unmount()
    assert not os.path.ismount(tmp_path / "disk")
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["store"]
    assert (tmp_path / "disk" / "store" / "data").read_bytes() == b"data"
    assert [path.name for path in tmp_path.iterdir()] == ["disk"]

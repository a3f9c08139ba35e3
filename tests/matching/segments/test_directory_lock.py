"""The right to write to a directory."""

import os
import signal
from pathlib import Path

import pytest

from edgeward.errors import Conflict
from edgeward.matching.segments.directory_lock import DirectoryLock


def test_one_has_it_at_a_time(tmp_path: Path) -> None:
    """A second one is refused until the first ends; locks of other names and directories are others."""
    directory = tmp_path / "new" / "deep"
    with DirectoryLock(directory):
        with pytest.raises(Conflict, match=str(directory)):
            DirectoryLock(directory)
        with DirectoryLock(directory, "other.lock"), DirectoryLock(tmp_path):
            pass
    with DirectoryLock(directory):
        pass


def test_ends_with_its_process(tmp_path: Path) -> None:
    """kill -9 releases it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with DirectoryLock(tmp_path):
            os.write(writing, b".")
            signal.pause()
    os.read(reading, 1)
    with pytest.raises(Conflict):
        DirectoryLock(tmp_path)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with DirectoryLock(tmp_path):
        pass

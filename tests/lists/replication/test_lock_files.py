"""The files that tell the processes of a machine which of them were killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeward.lists.replication.lock_files import DRAFT_SECONDS, LockFiles

NAME = "edge 1/proxy/4711#a1b2c3"
HOLD = """
import sys
from pathlib import Path
from edgeward.lists.replication.lock_files import LockFiles
one = LockFiles(Path(sys.argv[1]))
one.acquire(sys.argv[2])
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_is_known_to_have_ended(tmp_path: Path) -> None:
    """Not before, and not if it is only frozen."""
    others = LockFiles(tmp_path / "new" / "processes")
    assert others.ended() == []
    command = [sys.executable, "-c", HOLD, str(tmp_path / "new" / "processes"), NAME]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        assert others.ended() == []
        process.send_signal(signal.SIGSTOP)
        assert others.ended() == []
        process.kill()
        process.wait()
    assert others.ended() == others.ended() == [NAME]
    others.delete(NAME)
    others.delete(NAME)
    assert others.ended() == []


@pytest.mark.parametrize("delete", [True, False])
def test_a_process_that_ends(tmp_path: Path, delete: bool) -> None:
    """It deletes its file, or leaves it for others to find."""
    own, others = LockFiles(tmp_path), LockFiles(tmp_path)
    own.release(delete)
    own.acquire(NAME)
    own.acquire(NAME)
    assert others.ended() == []
    own.release(delete)
    assert others.ended() == ([] if delete else [NAME])


def test_a_file_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    """Somebody may clean up state_dir."""
    own, others = LockFiles(tmp_path), LockFiles(tmp_path)
    own.acquire(NAME)
    for path in tmp_path.iterdir():
        path.unlink()
    own.acquire(NAME)
    assert len(list(tmp_path.iterdir())) == 1
    assert others.ended() == []
    own.release(delete=False)
    assert others.ended() == [NAME]


def test_a_directory_that_can_not_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The process goes on without a file, and says so once."""
    (tmp_path / "file").touch()
    own = LockFiles(tmp_path / "file" / "processes")
    own.acquire(NAME)
    own.acquire(NAME)
    assert caplog.text.count("others will not know when this process has ended") == 1
    assert own.ended() == []
    own.release(delete=True)


def test_drafts_of_killed_processes_are_deleted(tmp_path: Path) -> None:
    """Only old ones: one may be made just now."""
    old, new = tmp_path / "old.draft", tmp_path / "new.draft"
    for path in (old, new):
        path.touch()
    long_ago = time.time() - DRAFT_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    assert LockFiles(tmp_path).ended() == []
    assert (old.exists(), new.exists()) == (False, True)

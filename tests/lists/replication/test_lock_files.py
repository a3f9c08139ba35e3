"""The files that tell the processes of a machine which of them were killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeward.lists.replication.lock_files import DRAFT_SECONDS, ELSEWHERE_SECONDS, LockFiles, Place, Survey

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
    assert others.survey().ended == []
    command = [sys.executable, "-c", HOLD, str(tmp_path / "new" / "processes"), NAME]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        assert others.survey().ended == []
        process.send_signal(signal.SIGSTOP)
        assert others.survey().ended == []
        process.kill()
        process.wait()
    assert others.survey().ended == others.survey().ended == [NAME]
    others.delete(NAME)
    others.delete(NAME)
    assert others.survey().ended == []


@pytest.mark.parametrize("delete", [True, False])
def test_a_process_that_ends(tmp_path: Path, delete: bool) -> None:
    """It deletes its file, or leaves it for others to find."""
    own, others = LockFiles(tmp_path), LockFiles(tmp_path)
    own.release(delete)
    own.acquire(NAME)
    own.acquire(NAME)
    assert others.survey().ended == []
    own.release(delete)
    assert others.survey().ended == ([] if delete else [NAME])


def test_a_file_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    """Somebody may clean up state_dir."""
    own, others = LockFiles(tmp_path), LockFiles(tmp_path)
    own.acquire(NAME)
    for path in tmp_path.iterdir():
        path.unlink()
    own.acquire(NAME)
    assert len(list(tmp_path.iterdir())) == 1
    assert others.survey().ended == []
    own.release(delete=False)
    assert others.survey().ended == [NAME]


def test_a_directory_that_can_not_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The process goes on without a file, and says so once."""
    (tmp_path / "file").touch()
    own = LockFiles(tmp_path / "file" / "processes")
    own.acquire(NAME)
    own.acquire(NAME)
    assert caplog.text.count("others will not know when this process has ended") == 1
    assert own.survey().ended == []
    own.release(delete=True)


def test_drafts_of_killed_processes_are_deleted(tmp_path: Path) -> None:
    """Only old ones: one may be made just now."""
    old, new = tmp_path / "old.draft", tmp_path / "new.draft"
    for path in (old, new):
        path.touch()
    long_ago = time.time() - DRAFT_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    assert LockFiles(tmp_path).survey().ended == []
    assert (old.exists(), new.exists()) == (False, True)


def test_a_copy_does_not_tell_who_has_ended(tmp_path: Path) -> None:
    """Nobody has its lock, and its process is frozen. The copy is deleted; the file itself stays."""
    own = LockFiles(tmp_path / "one" / "processes")
    own.acquire(NAME)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    other = LockFiles(tmp_path / "two" / "processes")
    assert other.survey() == Survey([], [])
    assert list((tmp_path / "two" / "processes").iterdir()) == []
    assert LockFiles(tmp_path / "one" / "processes").survey() == Survey([], [NAME])


@pytest.mark.parametrize(
    ("locked_at", "ended"),
    [
        (Place("boot-1", "machine-1"), True),
        (Place("boot-0", "machine-1"), True),  # the machine was started anew
        (Place("boot-1", "machine-2"), True),  # a container on the same machine
        (Place("boot-2", "machine-2"), False),
        (Place("", "machine-2"), False),
    ],
)
def test_where_a_lock_was_held(tmp_path: Path, locked_at: Place, ended: bool) -> None:
    """The file itself came to another machine, where nobody has its lock: the process may live where it was."""
    own, other = LockFiles(tmp_path), LockFiles(tmp_path)
    own._place, other._place = locked_at, Place("boot-1", "machine-1")
    own.acquire(NAME)
    own.release(delete=False)
    assert other.survey() == Survey([NAME] if ended else [], [])
    (path,) = tmp_path.iterdir()
    long_ago = time.time() - ELSEWHERE_SECONDS - 60
    os.utime(path, (long_ago, long_ago))
    assert other.survey().ended == ([NAME] if ended else [])
    assert path.exists() == ended


def test_where_no_kernel_is_known(tmp_path: Path) -> None:
    """Then nobody is known to have ended."""
    here = Place("", "machine-1")
    assert not here.ended_with(here)
    assert Place.here() == Place.here()
    assert Place.here().boot

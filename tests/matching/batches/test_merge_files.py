"""The process that merges segments of batches."""

import random
import subprocess
import sys
from pathlib import Path

from tests.matching.batches.examples import entries
from tests.support.batches import written_batch

from edgeward.matching.batches import merge_files
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.merging import LOCK, plan
from edgeward.matching.segments.directory_lock import DirectoryLock


def run(directory: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", merge_files.__name__, str(directory)], capture_output=True, text=True)
    return done.returncode, done.stderr


def test_merges_or_says_why_not(tmp_path: Path) -> None:
    """It merges; if another process is at it, it ends; damage is said."""
    files, chance = BatchFiles(tmp_path), random.Random(1)
    batches = [written_batch(files, entries(5, chance)) for _ in range(2)]
    with DirectoryLock(tmp_path, LOCK):
        assert run(tmp_path) == (0, "")
    assert plan(files).changed
    assert run(tmp_path) == (0, "")
    assert not plan(files).changed
    (tmp_path / "merged.json").unlink()
    (tmp_path / f"{batches[0].id}.0.segment").write_bytes(b"")
    status, said = run(tmp_path)
    assert status == merge_files.FAILED
    assert f"{batches[0].id}.0.segment: it is cut short" in said
    assert "Traceback" not in said

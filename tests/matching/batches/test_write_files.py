"""The process that writes the files of a batch."""

import subprocess
import sys
from pathlib import Path

from tests.support.batches import packed_batch

from edgeward.matching.batches import file_stream, write_files
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.types import Entry, Signal

ENTRIES = [Entry("a", Signal("md5", f"{number:032x}"), added_by="me") for number in range(5)]


def run(directory: Path, stream: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", write_files.__name__, str(directory)]
    return subprocess.run(command, input=stream, capture_output=True, check=False)


def test_it_writes_the_files_and_says_how_far_it_is(tmp_path: Path) -> None:
    """And leaves nothing of a batch whose data were cut short."""
    batch, data = packed_batch(ENTRIES)
    frames = b"".join(file_stream.frame(name, value) for name, value in data.items())
    stream = file_stream.first_line(batch) + frames
    assert run(tmp_path / "files", stream).returncode == write_files.CUT_SHORT
    files = BatchFiles(tmp_path / "files")
    assert not files.has(batch.id)
    done = run(tmp_path / "files", stream + file_stream.END)
    assert done.returncode == 0
    assert all(0 <= float(line) <= 1 for line in done.stdout.split())
    assert files.open(batch).rows == len(ENTRIES)


def test_it_names_a_directory_that_it_can_not_write_to(tmp_path: Path) -> None:
    """A file has the name of the directory."""
    (tmp_path / "files").write_text("")
    batch, data = packed_batch(ENTRIES)
    frames = b"".join(file_stream.frame(name, value) for name, value in data.items())
    done = run(tmp_path / "files", file_stream.first_line(batch) + frames + file_stream.END)
    assert done.returncode == write_files.NO_DISK
    assert str(tmp_path / "files").encode() in done.stderr
    assert b"Traceback" not in done.stderr

"""The files of hashes given to commands."""

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from edgeward.cli.hash_file_sources import open_hash_file
from edgeward.errors import NotFound, UserError


def test_a_file_is_read_in_parts(tmp_path: Path) -> None:
    """With its size, and how much of it was read."""
    (tmp_path / "a").write_bytes(b"x" * 25)
    file, seen = open_hash_file(str(tmp_path / "a")), list[int]()
    file.on_read = seen.append
    assert (file.size, file.name) == (25, str(tmp_path / "a"))
    assert [len(file.read(10)) for _ in range(4)] == [10, 10, 5, 0]
    assert seen == [10, 20, 25, 25]
    file.close()


def test_a_pipe_has_no_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a FIFO nor standard input, which stays open."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(b"md5:00"))
    writer.start()
    file = open_hash_file(str(fifo))
    assert (file.size, file.read()) == (0, b"md5:00")
    file.close()
    writer.join()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"md5:11")))
    file = open_hash_file("-")
    assert (file.size, file.name, file.read()) == (0, "standard input", b"md5:11")
    file.close()
    assert not sys.stdin.buffer.closed


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    """A directory, and one that is not there."""
    with pytest.raises(UserError, match="it is a directory"):
        open_hash_file(str(tmp_path))
    with pytest.raises(NotFound, match="no such file"):
        open_hash_file(str(tmp_path / "none"))
    with pytest.raises(UserError, match="Not a directory"):
        (tmp_path / "a").touch()
        open_hash_file(str(tmp_path / "a" / "b"))

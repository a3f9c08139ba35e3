"""Temporary files in state_dir."""

import io
import os
import resource
from pathlib import Path

import pytest

from edgeward.imports import temporary_files
from edgeward.imports.temporary_files import NoDiskSpace, append, appended, require_free_space, unnamed_file


def test_a_file_without_a_name(tmp_path: Path) -> None:
    """Only this user may read it, and nothing is left of it; a directory that is gone is named."""
    with unnamed_file(tmp_path) as file:
        file.write(b"x")
        assert list(tmp_path.iterdir()) == []
        assert os.fstat(file.fileno()).st_mode & 0o077 == 0
    with pytest.raises(NoDiskSpace, match=r"gone\): No such file or directory; nothing was imported"):
        unnamed_file(tmp_path / "gone")


def test_some_of_the_disk_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share of it, or a number of bytes if that is less."""
    require_free_space(tmp_path)
    monkeypatch.setattr(temporary_files, "KEPT_FREE_SHARE", 1.0)
    require_free_space(tmp_path)
    monkeypatch.setattr(temporary_files, "KEPT_FREE_BYTES", 2**60)
    with pytest.raises(NoDiskSpace, match="No space left"):
        require_free_space(tmp_path)
    with pytest.raises(NoDiskSpace, match="No such file"):
        require_free_space(tmp_path / "gone")


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    """Also of a file that was in memory until now. The disk here takes 64 KiB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, limits[1]))
    try:
        with appended(io.BytesIO(), b"x" * 1000, tmp_path, 500) as file:
            append(file, b"y" * 1000, tmp_path)
            assert file.seek(0) == 0 and file.read() == b"x" * 1000 + b"y" * 1000
            with pytest.raises(NoDiskSpace, match="can't be kept in state_dir"):
                append(file, b"z" * 100_000, tmp_path)
        with pytest.raises(NoDiskSpace, match="can't be kept in state_dir"):
            appended(io.BytesIO(), b"x" * 100_000, tmp_path, 500)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_file_in_memory_moves_to_the_disk(tmp_path: Path) -> None:
    """Once it is large, with all that was in it."""
    file = appended(io.BytesIO(), b"12345", tmp_path, 10)
    assert isinstance(file, io.BytesIO)
    file = appended(file, b"678901", tmp_path, 10)
    assert not isinstance(file, io.BytesIO)
    assert os.fstat(file.fileno()).st_size == 11
    file.seek(0)
    assert file.read() == b"12345678901"
    file.close()

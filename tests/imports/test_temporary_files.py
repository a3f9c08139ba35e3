"""Temporary files in state_dir."""

import os
from pathlib import Path

import pytest

from edgeward.imports import temporary_files
from edgeward.imports.temporary_files import NoDiskSpace, require_free_space, unnamed_file


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

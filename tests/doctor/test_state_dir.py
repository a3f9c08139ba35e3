"""Checks of state_dir."""

import os
from pathlib import Path

import pytest

from edgeward.doctor import state_dir
from edgeward.doctor.finding import Health
from edgeward.doctor.state_dir import check_state_dir


def test_a_good_directory(tmp_path: Path) -> None:
    """Nothing is to be fixed."""
    assert {each.health for each in check_state_dir(tmp_path)} == {Health.OK}


def test_a_missing_one_and_a_file(tmp_path: Path) -> None:
    """Both are named."""
    (tmp_path / "file").write_text("")
    for name, words in (("none", "does not exist"), ("file", "is not a directory")):
        finding = check_state_dir(tmp_path / name)[0]
        assert (finding.health, words in finding.detail) == (Health.FAIL, True)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little space is a warning, none is a failure."""
    monkeypatch.setattr(state_dir, "MIN_FREE_BYTES", 1 << 60)
    assert check_state_dir(tmp_path)[1].health is Health.WARN
    monkeypatch.setattr(state_dir, "FULL_BYTES", 1 << 60)
    finding = check_state_dir(tmp_path)[1]
    assert (finding.health, "the disk is full" in finding.detail) == (Health.FAIL, True)


@pytest.mark.parametrize("name", ["", "store"])
def test_a_file_system_that_is_mounted_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Another owner would not help, and root may not write either. A part of it may be a mount of its own."""
    (tmp_path / "store").mkdir()
    real, access = os.statvfs, os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path / name and access(path, mode))

    def read_only(path: Path) -> os.statvfs_result:
        fields = list(real(path))
        fields[8] |= os.ST_RDONLY * (Path(path) == tmp_path / name)
        return os.statvfs_result(fields)

    monkeypatch.setattr(os, "statvfs", read_only)
    finding = check_state_dir(tmp_path)[0]
    assert finding.health is Health.FAIL
    assert f"{tmp_path / name} is on a file system that is mounted read-only" in finding.detail
    assert "owner" not in finding.detail + finding.fix


def test_a_directory_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may not use it is told whose it is; also of a part that another user made."""
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "store")
    (tmp_path / "store").mkdir()
    assert "store" in check_state_dir(tmp_path)[0].detail
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    finding = check_state_dir(tmp_path)[0]
    assert (finding.health, "belongs to user id" in finding.detail) == (Health.FAIL, True)

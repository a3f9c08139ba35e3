"""A small file in state_dir that all processes of a machine share."""

from pathlib import Path

import pytest

from edgeward.lists.replication.state_file import write_whole


def test_the_file_is_replaced(tmp_path: Path) -> None:
    """Its directory is made, and nothing else is in it."""
    path = tmp_path / "state" / "file.json"
    for text in ("one", "two"):
        write_whole(path, text)
        assert path.read_text() == text
    assert [*path.parent.iterdir()] == [path]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    """On a full disk the next processes, with other numbers, would leave more and more."""
    path = tmp_path / "file.json"
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="Is a directory"):
        write_whole(path, "text")
    assert [*tmp_path.iterdir()] == [path]

"""What a machine knows of the record, and its file."""

from pathlib import Path

import pytest

from edgeward.lists.replication.known_members import KNOWN_MEMBERS_FILE, KnownMembers


def test_the_next_process_reads_it(tmp_path: Path) -> None:
    """With the clock of the last word; without a directory nothing is written."""
    KnownMembers(tmp_path / "new").update({"a": "-", "b": "j"}, 7, 1.5)
    known = KnownMembers(tmp_path / "new")
    assert (known.journals, known.clock, known.comings) == ({"a": "-", "b": "j"}, 1.5, -1)
    known.write(2.5)
    assert KnownMembers(tmp_path / "new").clock == 2.5
    assert [path.name for path in (tmp_path / "new").iterdir()] == [KNOWN_MEMBERS_FILE]
    KnownMembers(None).update({"a": "-"}, 7, 1.5)


@pytest.mark.parametrize("text", ["{", "[]", '{"clock": "x"}', '{"journals": 3}'])
def test_a_damaged_file(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is as if there were none, and is said."""
    (tmp_path / KNOWN_MEMBERS_FILE).write_text(text)
    assert KnownMembers(tmp_path).journals == {}
    assert "the processes that this machine knew can't be read" in caplog.text


def test_a_directory_that_can_not_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and what is known stays in memory."""
    (tmp_path / "file").touch()
    known = KnownMembers(tmp_path / "file" / "state")
    caplog.clear()
    for _ in range(2):
        known.update({"a": "-"}, 1, 1.0)
    assert known.journals == {"a": "-"}
    assert caplog.text.count("can't be written") == 1


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    """On a full disk the next processes, with other numbers, would leave more and more."""
    (tmp_path / KNOWN_MEMBERS_FILE / "in the way").mkdir(parents=True)
    KnownMembers(tmp_path).update({"a": "-"}, 1, 1.0)
    assert [path.name for path in tmp_path.iterdir()] == [KNOWN_MEMBERS_FILE]

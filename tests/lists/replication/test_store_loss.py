"""What a machine applied last, compared with what the store has."""

from pathlib import Path

import pytest

from edgeward.lists.replication.store_loss import AppliedLists, AppliedListsFile, StoreLoss

BEFORE = AppliedLists("h", 10, 2, 100)


@pytest.mark.parametrize(
    ("now", "replaced", "lacks"),
    [
        (AppliedLists("h", 10, 2, 100), "", None),
        (AppliedLists("h", 11, 1, 5), "", None),  # removed on purpose
        (AppliedLists("h", 10, 2, 90), "", (0, 10)),  # evicted
        (AppliedLists("h", 0, 0, 0), "", (2, 100)),
        (AppliedLists("h", 9, 2, 101), "", None),  # a change that nothing acknowledged
        (AppliedLists("other", 0, 0, 0), "", (2, 100)),
        (AppliedLists("other", 500, 9, 900), "", (0, 0)),  # another store, however full
        (AppliedLists("other", 20, 0, 0), "accepted", None),
        (AppliedLists("other", 20, 2, 100), "refilled", None),
    ],
)
def test_removals_differ_from_losses(now: AppliedLists, replaced: str, lacks: tuple[int, int] | None) -> None:
    """Fewer entries at a greater version of the same history were removed; all else is a loss."""
    assert BEFORE.lacks(now, replaced) == lacks


def test_a_machine_without_lists_lost_none() -> None:
    """Whatever the store is."""
    assert AppliedLists("h", 3, 0, 0).lacks(AppliedLists("other", 0, 0, 0), "") is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Also in a directory that does not exist yet."""
    AppliedListsFile(tmp_path / "new" / "f").write(BEFORE)
    assert AppliedListsFile(tmp_path / "new" / "f").read() == BEFORE


def test_it_is_written_rarely_but_at_last(tmp_path: Path) -> None:
    """Within a second of another write only what must be written at once is."""
    file = AppliedListsFile(tmp_path / "f")
    later = AppliedLists("h", 11, 2, 101)
    file.write(BEFORE)
    file.write(later)
    assert file.read() == BEFORE
    file.write(later, at_once=True)
    assert file.read() == later


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff"])
def test_a_damaged_file_is_no_record(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the process starts."""
    (tmp_path / "f").write_bytes(content)
    assert AppliedListsFile(tmp_path / "f").read() is None
    assert "can't be read" in caplog.text


def test_a_directory_that_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The process goes on."""
    (tmp_path / "f").write_text("")
    AppliedListsFile(tmp_path / "f" / "g").write(BEFORE)
    assert "can't be recorded" in caplog.text


def test_the_reason_names_the_command() -> None:
    """In each case."""
    for loss in (StoreLoss(1, 2, True, 0.0), StoreLoss(1, 2, False, 0.0), StoreLoss(0, 0, False, 0.0)):
        assert "edgeward store refill" in loss.reason
    assert "1 list and 2 entries are missing" in StoreLoss(1, 2, True, 0.0).reason
    assert "2 lists and 1 entry are missing" in StoreLoss(2, 1, True, 0.0).reason

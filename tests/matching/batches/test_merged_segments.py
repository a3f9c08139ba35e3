"""The file that names merged segments, and how they are opened."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.matching.segments.examples import MD5, written

from edgeward.errors import DamagedSegment
from edgeward.matching.batches import merged_segments as module
from edgeward.matching.batches.merged_segments import (
    MANIFEST,
    MergedSegment,
    open_merged,
    read_merged,
    remove_left_overs,
    stamp,
    write_merged,
)

chance = random.Random(1)


def segment(directory: Path, name: str) -> MergedSegment:
    written(directory / name, MD5, [chance.randbytes(16) for _ in range(5)])
    return MergedSegment(name, "md5", 16, ("one", "two"), 5)


def test_names_are_replaced_whole(tmp_path: Path) -> None:
    """What was written is read; who looks notices that it was replaced."""
    assert (stamp(tmp_path), read_merged(tmp_path), open_merged(tmp_path, {})) == (None, (), (None, {}))
    one, two = segment(tmp_path, "1.merged"), segment(tmp_path, "2.merged")
    write_merged(tmp_path, [one])
    before = stamp(tmp_path)
    assert read_merged(tmp_path) == (one,)
    write_merged(tmp_path, [one, two])
    assert stamp(tmp_path) != before
    assert read_merged(tmp_path) == (one, two)


def test_what_is_open_is_not_opened_again(tmp_path: Path) -> None:
    """A segment is known by the name of its file; who has it open reads it after it was removed."""
    one, two = segment(tmp_path, "1.merged"), segment(tmp_path, "2.merged")
    write_merged(tmp_path, [one])
    found, opened = open_merged(tmp_path, {})
    assert found == stamp(tmp_path)
    write_merged(tmp_path, [one, two])
    (tmp_path / "1.merged").unlink()
    _, again = open_merged(tmp_path, opened)
    assert again["1.merged"] is opened["1.merged"]
    assert len(again["2.merged"].search) == 5
    with pytest.raises(DamagedSegment, match=r"1\.merged: it is missing"):
        open_merged(tmp_path, {})


def test_names_are_read_again_if_a_file_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge that ends just now replaces the names and removes files: the new names are read."""
    old, new = segment(tmp_path, "1.merged"), segment(tmp_path, "2.merged")
    write_merged(tmp_path, [old])
    read = read_merged

    def read_late(directory: Path) -> Sequence[MergedSegment]:
        found = read(directory)
        if found == (old,):
            write_merged(directory, [new])
            remove_left_overs(directory, [new])
        return found

    monkeypatch.setattr(module, "read_merged", read_late)
    assert list(open_merged(tmp_path, {})[1]) == ["2.merged"]


def test_damage_is_named(tmp_path: Path) -> None:
    """A file of names that is damaged, or of another format, and a segment of another number of rows."""
    one = segment(tmp_path, "1.merged")
    write_merged(tmp_path, [one._replace(rows=6)])
    with pytest.raises(DamagedSegment, match=r"1\.merged: it has 5 rows instead of 6"):
        open_merged(tmp_path, {})
    path = tmp_path / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"md5"', b'"md6"'))
    with pytest.raises(DamagedSegment, match=r"merged\.json: it does not match its checksum"):
        read_merged(tmp_path)


def test_left_overs_are_removed(tmp_path: Path) -> None:
    """Only files of merged segments, whole or not, that are not live."""
    one = segment(tmp_path, "1.merged")
    write_merged(tmp_path, [one])
    kept = {"1.merged", "merged.json", "merged.lock", "x.sqlite", "x.0.segment.partial"}
    for name in {*kept, "2.merged", "3.merged.partial", "3.merged.unsorted.partial", "merged.json.partial"}:
        (tmp_path / name).touch()
    remove_left_overs(tmp_path, [one])
    assert {path.name for path in tmp_path.iterdir()} == kept

"""The manifest: what is live."""

from pathlib import Path

import pytest

from edgeward.errors import DamagedSegment
from edgeward.matching.segments.manifest import (
    MANIFEST,
    LiveSegment,
    Manifest,
    read_manifest,
    remove_left_overs,
    stamp,
    write_manifest,
)

SEGMENTS = (LiveSegment("a.segment", "a.removed", 7), LiveSegment("b.segment", "", 9))
WHOLE = Manifest("pdq", 256, 42, SEGMENTS)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A directory without one is empty; a new one has another stamp."""
    assert read_manifest(tmp_path, "pdq", 256) == Manifest("pdq", 256, 0, ())
    assert stamp(tmp_path) is None
    write_manifest(tmp_path, WHOLE)
    first = stamp(tmp_path)
    assert read_manifest(tmp_path, "pdq", 256) == WHOLE
    assert stamp(tmp_path) == first
    write_manifest(tmp_path, WHOLE._replace(version=43))
    assert stamp(tmp_path) != first
    assert read_manifest(tmp_path, "pdq", 256).version == 43


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    """Cut anywhere, or with any byte changed: the error begins with its path."""
    path = tmp_path / MANIFEST
    write_manifest(tmp_path, WHOLE)
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :] for place in range(len(whole))]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DamagedSegment, match=f"^{path}: "):
            read_manifest(tmp_path, "pdq", 256)


def test_other_values_are_refused(tmp_path: Path) -> None:
    """A directory holds one type and length."""
    write_manifest(tmp_path, WHOLE)
    with pytest.raises(DamagedSegment, match="it is of pdq of 256 bits, not phash of 64"):
        read_manifest(tmp_path, "phash", 64)


def test_left_overs_are_removed(tmp_path: Path) -> None:
    """Files of segments that it does not name, and files that are not whole; no others."""
    names = ("a.segment", "a.removed", "b.segment", "c.segment", "b.removed", "d.segment.partial", "notes.txt", "lock")
    for name in (*names, "d.segment.unsorted.partial", f"{MANIFEST}.partial"):
        (tmp_path / name).touch()
    assert remove_left_overs(tmp_path, WHOLE) == 5
    left = {"a.segment", "a.removed", "b.segment", "notes.txt", "lock"}
    assert {path.name for path in tmp_path.iterdir()} == left

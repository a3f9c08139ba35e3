"""Compaction: sizes, locks, giving up, and processes that are killed at any instant."""

import os
import random
import time
from pathlib import Path

import pytest
from tests.matching.segments.examples import MD5, PDQ, added, as_rows, changes, compact, contents, force_bands
from tests.matching.segments.writer_process import Writer, expected

from edgeward.errors import Conflict
from edgeward.matching.segments.compaction import LOCK, Compaction, build, to_merge
from edgeward.matching.segments.manifest import MANIFEST
from edgeward.matching.segments.removed_rows import RemovedRows
from edgeward.matching.segments.segment_set import SegmentSet

KILLS = int(os.environ.get("SEGMENT_KILLS", "20"))
"""How many processes are killed; more by hand."""
SECONDS_OF_A_COMPACTION = 0.02


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {LOCK, MANIFEST}


def values(number: int) -> dict[bytes, int]:
    return {random.randbytes(32): ref for ref in range(number)}


def test_sizes_grow_geometrically(tmp_path: Path) -> None:
    """Many small additions leave few segments, and a large one is not copied for each. Old files are removed."""
    segments, wanted, largest = SegmentSet(tmp_path, PDQ), values(2000), []
    segments.apply(1, added(wanted))
    compact(segments)
    for version in range(2, 40):
        some = values(10)
        wanted |= some
        segments.apply(version, added(some))
        compact(segments)
        largest.append(max(segments.segments, key=lambda each: each.live.rows).live.file)
        assert len(segments.segments) <= 4
        assert len(names(tmp_path)) == len(segments.segments)
    assert len(set(largest)) <= 3
    assert contents(segments) == contents(SegmentSet(tmp_path, PDQ)) == wanted


def test_removed_rows_go_at_last(tmp_path: Path) -> None:
    """A few removals are noted in a file beside the segment; many let it be written anew, all leave none."""
    segments, wanted = SegmentSet(tmp_path, PDQ), values(400)
    listed = list(wanted)
    segments.apply(1, added(wanted))
    compact(segments)
    first = segments.segments[0].live.file
    for version, (start, end) in enumerate([(0, 10), (10, 20), (20, 200), (200, 400)], 2):
        some = listed[start:end]
        segments.apply(version, changes(some, [0] * len(some), [True] * len(some)))
        compact(segments)
        reopened = SegmentSet(tmp_path, PDQ)
        assert contents(segments) == contents(reopened) == {value: wanted[value] for value in listed[end:]}
        assert reopened.version == version
        if version < 4:
            assert [each.live.file for each in reopened.segments] == [first]
            assert names(tmp_path) == {first, reopened.segments[0].live.removed}
    assert names(tmp_path) == set()


def test_nothing_changed(tmp_path: Path) -> None:
    """A version without changes is noted, and no segment is written."""
    segments = SegmentSet(tmp_path, PDQ)
    segments.apply(1, added(values(50)))
    compact(segments)
    before = names(tmp_path)
    segments.apply(2, changes([b"x" * 32], [0], [True]))
    compact(segments)
    assert names(tmp_path) == before
    assert SegmentSet(tmp_path, PDQ).version == 2
    assert to_merge([segments.segments[0]._replace(removed=RemovedRows(50))], 0) == []


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """Whoever comes second is told so; the lock is free after an end of any kind."""
    segments = SegmentSet(tmp_path, PDQ)
    segments.apply(1, added(values(5)))
    with Compaction(segments), pytest.raises(Conflict, match="another process"):
        Compaction(SegmentSet(tmp_path, PDQ))
    with Compaction(segments), pytest.raises(Conflict, match="another process"):
        list(build(tmp_path, PDQ, 1, 0, []))
    segments.apply(2, added(values(1)), last=False)
    with pytest.raises(Conflict, match="in part"):
        Compaction(segments)
    segments.apply(2, added(values(1)))
    compact(segments)


def test_giving_up_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At whichever step: the old segments stay, and the next compaction leaves no other files."""
    force_bands(monkeypatch)
    segments, wanted = SegmentSet(tmp_path, PDQ), values(70)
    segments.apply(1, added(wanted))
    compact(segments)
    old = (tmp_path / MANIFEST).read_bytes()
    more = values(20)
    segments.apply(2, added(more))
    stop = 1
    while True:
        with Compaction(segments, whole=True) as compaction:
            steps = compaction.steps()
            if len([share for _, share in zip(range(stop), steps, strict=False)]) < stop:
                break
            steps.close()  # type: ignore[attr-defined]
        assert (tmp_path / MANIFEST).read_bytes() == old
        assert contents(SegmentSet(tmp_path, PDQ)) == wanted
        stop += 1
    assert stop > 10
    assert len(names(tmp_path)) == 1
    assert contents(SegmentSet(tmp_path, PDQ)) == wanted | more


def test_a_list_is_built_anew(tmp_path: Path) -> None:
    """In place of what the directory holds, be it damaged; and an empty list has no segment."""
    segments = SegmentSet(tmp_path, MD5)
    segments.apply(9, added({b"a" * 16: 1}))
    compact(segments)
    (tmp_path / MANIFEST).write_bytes(b"damaged")
    list(build(tmp_path, MD5, 4, 2, [as_rows([b"b" * 16, b"c" * 16])]))
    rebuilt = SegmentSet(tmp_path, MD5)
    assert (rebuilt.version, contents(rebuilt)) == (4, {b"b" * 16: 0, b"c" * 16: 1})
    assert len(names(tmp_path)) == 1
    list(build(tmp_path, MD5, 5, 0, []))
    assert rebuilt.refresh()
    assert (rebuilt.version, len(rebuilt), names(tmp_path)) == (5, 0, set())


def test_killed_at_any_instant(tmp_path: Path) -> None:
    """Whenever a process that compacts is killed, the directory holds the whole version that was there before, or the
    whole next one; and the next process goes on from it."""
    chance, done, incomplete = random.Random(KILLS), 0, 0
    for turn in range(KILLS):
        with Writer(tmp_path, done, 1000) as writer:
            for _ in range(chance.randrange(1, 4)):
                begun = writer.begun()
            time.sleep(chance.random() * SECONDS_OF_A_COMPACTION)  # the instant is random: nothing is waited for
            begun = writer.kill() or begun
        incomplete += len(list(tmp_path.glob("*.partial"))) > 0
        opened = SegmentSet(tmp_path, PDQ)
        list(opened.verify())
        assert begun
        assert begun - 1 <= opened.version <= begun, turn
        assert contents(opened) == expected(opened.version), turn
        done = opened.version
    assert done > 0
    assert incomplete > 0, "none was killed while it wrote"


def test_readers_beside_a_writer(tmp_path: Path) -> None:
    """Two that read while a process compacts again and again see whole versions, later and later ones."""
    readers = [SegmentSet(tmp_path, PDQ), SegmentSet(tmp_path, PDQ)]
    seen = [set[int](), set[int]()]
    with Writer(tmp_path, 0, 25) as writer:
        while writer.begun():
            for reader, versions in zip(readers, seen, strict=True):
                reader.refresh()
                versions.add(reader.version)
                assert contents(reader) == expected(reader.version)
    for reader, versions in zip(readers, seen, strict=True):
        reader.refresh()
        assert reader.version == 25
        assert len(versions) > 2

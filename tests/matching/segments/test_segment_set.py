"""Segments and recent changes as one, against a dictionary."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.matching.segments.examples import (
    COMPOSITE,
    MD5,
    PDQ,
    PHASH,
    added,
    as_pairs,
    as_rows,
    as_values,
    brute_force,
    changes,
    compact,
    contents,
    flipped,
    force_bands,
)

from edgeward.errors import DamagedSegment
from edgeward.matching.segments import segment_file, segment_set
from edgeward.matching.segments.compaction import build
from edgeward.matching.segments.manifest import MANIFEST
from edgeward.matching.segments.segment_rows import Rows, ValueType
from edgeward.matching.segments.segment_set import SegmentSet


def equal_refs(segments: SegmentSet, queries: list[bytes]) -> dict[bytes, int]:
    pieces = segments.equal(as_values(queries))
    return {queries[number]: int(ref) for numbers, refs in pieces for number, ref in zip(numbers, refs, strict=True)}


class Model:
    """A list as a dictionary, its changes, and two processes that apply them."""

    def __init__(self, directory: Path, kind: ValueType, seed: int) -> None:
        self.kind, self.chance = kind, random.Random(seed)
        self.values: dict[bytes, int] = {}
        self.version = 0
        self.directory = directory
        self.processes = [SegmentSet(directory, kind), SegmentSet(directory, kind)]
        self.centre = self.chance.randbytes(kind.size)

    def change(self, number: int) -> None:
        """Add and remove values: new ones, near ones, and some that are listed or were."""
        self.version += 1
        listed, some = list(self.values), []
        for _ in range(number):
            kind = self.chance.random()
            if listed and kind < 0.4:
                some.append(self.chance.choice(listed))
            elif kind < 0.8:
                some.append(flipped(self.centre, self.chance.randrange(50), self.chance))
            else:
                some.append(self.chance.randbytes(self.kind.size))
        refs = [self.chance.randrange(1 << 64) for _ in some]
        removed = [self.chance.random() < 0.4 for _ in some]
        for value, ref, gone in zip(some, refs, removed, strict=True):
            self.values.pop(value, None)
            if not gone:
                self.values[value] = ref
        for process in self.processes:
            process.apply(self.version, changes(some, refs, removed))

    def check(self, segments: SegmentSet, radius: int) -> None:
        assert segments.version == self.version
        assert contents(segments) == self.values
        queries = [*self.chance.sample(list(self.values), min(4, len(self.values))), self.centre]
        assert equal_refs(segments, queries) == {q: self.values[q] for q in queries if q in self.values}
        if self.kind.has_distance:
            assert as_pairs(segments.near(as_values(queries), radius)) == brute_force(
                self.values, queries, radius, self.kind.metric
            )


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from([PDQ, PHASH, COMPOSITE, MD5]),
    steps=st.lists(st.sampled_from(["change", "many", "compact", "whole", "refresh", "restart"]), max_size=14),
    radius=st.integers(0, 64),
)
def test_any_order_of_changes(
    seed: int, kind: ValueType, steps: list[str], radius: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is added, removed, compacted, refreshed and restarted: each process finds what the dictionary holds."""
    with pytest.MonkeyPatch.context() as patch:
        force_bands(patch)
        patch.setattr(segment_set, "CHANGES_PER_STEP", 7)
        model = Model(tmp_path_factory.mktemp("set"), kind, seed)
        for step in [*steps, "change"]:
            one, other = model.processes
            if step in ("change", "many"):
                model.change(3 if step == "change" else 60)
            elif step in ("compact", "whole"):
                compact(one, whole=step == "whole")
            elif step == "refresh":
                other.refresh()
            else:
                restarted = SegmentSet(model.directory, kind)
                assert restarted.version <= model.version
                if restarted.version == model.version:
                    model.processes[1] = restarted
            for process in model.processes:
                model.check(process, radius)


def test_a_process_that_lags_behind_takes_over_the_version(tmp_path: Path) -> None:
    """It goes over to segments of a later version than it has applied, and passes over the changes up to that."""
    ahead, behind = SegmentSet(tmp_path, PDQ), SegmentSet(tmp_path, PDQ)
    values = [random.randbytes(32) for _ in range(6)]
    for version, value in enumerate(values[:5], 1):
        ahead.apply(version, added({value: version}))
    behind.apply(1, added({values[0]: 1}))
    compact(ahead)
    assert behind.refresh()
    assert not behind.refresh()
    assert behind.version == 5
    behind.apply(3, added({values[5]: 3}))
    assert contents(behind) == contents(ahead) == {value: version for version, value in enumerate(values[:5], 1)}


def test_changes_during_a_refresh_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh goes in steps; until the last, all is as before, and what is applied in between is there after it."""
    monkeypatch.setattr(segment_set, "CHANGES_PER_STEP", 2)
    one, other = SegmentSet(tmp_path, PDQ), SegmentSet(tmp_path, PDQ)
    values = [random.randbytes(32) for _ in range(20)]
    for process in (one, other):
        process.apply(1, added(dict.fromkeys(values[:5], 1)))
    compact(one)
    for version in range(2, 8):
        other.apply(version, added({values[3 + version]: version}))
    steps, version = other.refresh_steps(), 8
    for _ in steps:
        assert len(other.segments) == 0
        if version < 12:
            other.apply(version, changes([values[version - 8], values[3 + version]], [9, version], [True, False]))
            version += 1
    assert len(other.segments) == 1
    wanted = {values[4]: 1, **{values[3 + number]: number for number in range(2, 12)}}
    assert contents(other) == wanted
    assert equal_refs(other, values) == wanted


def test_a_version_in_parts(tmp_path: Path) -> None:
    """It counts as applied with its last part; the same version again is passed over."""
    segments = SegmentSet(tmp_path, MD5)
    segments.apply(7, added({b"a" * 16: 1}), last=False)
    assert (segments.version, segments.is_partial) == (0, True)
    segments.apply(7, added({b"b" * 16: 2}))
    assert (segments.version, segments.is_partial) == (7, False)
    segments.apply(7, added({b"c" * 16: 3}))
    assert contents(segments) == {b"a" * 16: 1, b"b" * 16: 2}


def test_a_search_goes_on_while_changes_are_made(tmp_path: Path) -> None:
    """A value that is added again with another reference is found by a search that began before; so is one that moved
    into a new segment."""
    segments, chance = SegmentSet(tmp_path, PDQ), random.Random(5)
    values = [chance.randbytes(32) for _ in range(40)]
    segments.apply(1, added({value: number for number, value in enumerate(values)}))
    compact(segments)
    search = segments.near(as_values(values), 0)
    segments.apply(2, added({values[0]: 100}))
    compact(segments, whole=True)
    found = as_pairs(search)
    assert {number for number, _, _ in found} == set(range(40))


def test_damage_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    """A missing, cut or exchanged file: the set is not opened, a refresh leaves all as it was, and verification finds
    a changed byte."""
    segments = SegmentSet(tmp_path, PDQ)
    segments.apply(1, added({random.randbytes(32): number for number in range(50)}))
    compact(segments)
    (path,) = tmp_path.glob("*.segment")
    before, whole = contents(segments), path.read_bytes()
    path.unlink()
    with pytest.raises(DamagedSegment, match=f"{path}: it is missing"):
        SegmentSet(tmp_path, PDQ)
    other = tmp_path / "other"
    list(build(other, PDQ, 1, 3, [as_rows([b"a" * 32, b"b" * 32, b"c" * 32])]))
    for content, message in (
        (whole[:-1], "bytes instead of"),
        (next(other.glob("*.segment")).read_bytes(), "3 rows instead of 50"),
        (b"x" * 5000, "not a segment file"),
    ):
        path.write_bytes(content)
        with pytest.raises(DamagedSegment, match=f"^{path}: .*{message}"):
            SegmentSet(tmp_path, PDQ)
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    opened = SegmentSet(tmp_path, PDQ)
    with pytest.raises(DamagedSegment, match="checksum"):
        list(opened.verify())
    (tmp_path / MANIFEST).write_bytes(b"{}")
    with pytest.raises(DamagedSegment, match=MANIFEST):
        segments.refresh()
    assert contents(segments) == before


def test_all_pages_are_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards every page of the files is mapped in this process."""
    monkeypatch.setattr(segment_file, "CHECKED_BYTES", 1 << 19)
    values = np.random.default_rng(0).integers(0, 256, (30_000, 32), np.uint8)
    list(build(tmp_path, PDQ, 1, len(values), [Rows(values, np.arange(len(values), dtype=np.uint64))]))
    segments = SegmentSet(tmp_path, PDQ)
    (path,) = tmp_path.glob("*.segment")
    before = mapped_bytes(path)
    assert len(list(segments.read_ahead())) > 1
    assert before < mapped_bytes(path) == path.stat().st_size


def mapped_bytes(path: Path) -> int:
    """How much of a file is in this process's page tables."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    next(line for line in lines if line.endswith(str(path)))
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))


def test_a_digest_has_no_distance(tmp_path: Path) -> None:
    """To search digests within a radius is an error of the caller."""
    list(build(tmp_path, MD5, 1, 1, [as_rows([b"a" * 16])]))
    with pytest.raises(TypeError, match="md5 has no distance"):
        list(SegmentSet(tmp_path, MD5).near(as_values([b"a" * 16]), 1))


def test_when_to_compact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set says so once it has many recent changes."""
    monkeypatch.setattr(segment_set, "MAX_RECENT_CHANGES", 10)
    segments = SegmentSet(tmp_path, MD5)
    segments.apply(1, added({random.randbytes(16): number for number in range(10)}))
    assert not segments.needs_compaction
    segments.apply(2, added({random.randbytes(16): 1}))
    assert segments.needs_compaction
    compact(segments)
    assert not segments.needs_compaction
    assert sum(len(rows.refs) for rows in segments.rows()) == len(segments) == 11
    assert all(rows.values.dtype == np.uint8 for rows in segments.rows())

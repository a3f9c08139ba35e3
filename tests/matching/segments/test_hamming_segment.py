"""Segments against brute force: nothing within the radius is ever missed, and nothing else is found."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.matching.segments.examples import (
    COMPOSITE,
    LONG,
    PDQ,
    PHASH,
    as_rows,
    as_values,
    brute_force,
    flipped,
    force_bands,
    near,
    written,
)

from edgeward.matching.segments import hamming_segment
from edgeward.matching.segments.hamming_segment import HammingSegment, write_hamming_segment
from edgeward.matching.segments.segment_file import SegmentFile
from edgeward.matching.segments.segment_rows import ValueType


@pytest.mark.parametrize("kind", [PHASH, PDQ, LONG, COMPOSITE])
def test_recall_is_one(kind: ValueType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each radius from 0 to 64 and some beyond exactly the pairs of brute force are found: at every distance
    around it, in many rows, with repeated values, for one query and many."""
    force_bands(monkeypatch)
    chance = random.Random(kind.bits)
    queries = [chance.randbytes(kind.size) for _ in range(6)]
    rows = [flipped(query, count, chance) for query in queries for count in range(0, 68, 2)]
    if kind.metric.leading_words:  # few bits apart in front, more behind
        rows += [
            flipped(query[:8], count % 9, chance) + flipped(query[8:], count, chance)
            for query in queries
            for count in range(60)
        ]
    rows += [chance.randbytes(kind.size) for _ in range(150)]
    rows += rows[:20] + [bytes(kind.size)] * 9
    path = written(tmp_path / "a", kind, rows)
    assert SegmentFile(path).facts["layout"], "it has no bands"
    distances = brute_force(rows, queries, 1000, kind.metric)
    for radius in (*range(65), 80, 120, 1000):
        expected = {pair for pair in distances if pair[2] <= radius}
        assert near(path, kind, queries, radius) == expected
        if radius % 8 == 7:
            assert near(path, kind, queries[3:4], radius) == {(0, *pair[1:]) for pair in expected if pair[0] == 3}


def adversarial(name: str, kind: ValueType, chance: random.Random) -> list[bytes]:
    """300 values that are as unlike even ones as can be."""
    size = kind.size
    if name == "all equal":
        return [b"\x5a" * size] * 300
    if name == "one bucket of some bands":
        kept = int.from_bytes(chance.randbytes(size))
        # Every third bit is the same in all: whatever the number of bands, some share much.
        same = sum(1 << bit for bit in range(0, kind.bits, 3))
        return [((int.from_bytes(chance.randbytes(size)) & ~same) | (kept & same)).to_bytes(size) for _ in range(300)]
    if name == "first half constant":
        return [bytes(size // 2) + chance.randbytes(size - size // 2) for _ in range(300)]
    if name == "one bit apart":
        return [(1 << number % kind.bits).to_bytes(size) for number in range(300)]
    centres = [chance.randbytes(size) for _ in range(3)]
    return [flipped(centres[number % 3 and number % 2], chance.randrange(40), chance) for number in range(300)]


@pytest.mark.parametrize("kind", [PHASH, PDQ])
@pytest.mark.parametrize(
    "name", ["all equal", "one bucket of some bands", "first half constant", "one bit apart", "variants of few"]
)
def test_adversarial_values(name: str, kind: ValueType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that crowd buckets are found as others are, by the cheapest bands and, where those cost more, by
    comparing all."""
    force_bands(monkeypatch)
    chance = random.Random(name)
    rows = adversarial(name, kind, chance)
    queries = [*rows[:6], *(flipped(rows[9], count, chance) for count in (1, 5, 31, 40)), chance.randbytes(kind.size)]
    path = written(tmp_path / "a", kind, rows)
    distances = brute_force(rows, queries, kind.bits)
    for cost in (1e12, 20.0):
        monkeypatch.setattr(hamming_segment, "SCAN_COST", cost)
        for radius in (0, 1, 2, 7, 15, 30, 31, 32, 45, 64):
            expected = {pair for pair in distances if pair[2] <= radius}
            assert near(path, kind, queries, radius) == expected, (cost, radius)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from([PHASH, PDQ, LONG, COMPOSITE]),
    radius=st.integers(0, 64),
    shared=st.integers(0, 256),
)
def test_any_values_and_radius(seed: int, kind: ValueType, radius: int, shared: int) -> None:
    """Whatever bits the values share."""
    chance = random.Random(seed)
    mask = sum(1 << bit for bit in chance.sample(range(kind.bits), min(shared, kind.bits)))
    rows = [(int.from_bytes(chance.randbytes(kind.size)) & ~mask).to_bytes(kind.size) for _ in range(200)]
    queries = [flipped(chance.choice(rows), chance.randrange(radius + 2), chance) for _ in range(6)]
    with pytest.MonkeyPatch.context() as patch:
        force_bands(patch)
        values, words = as_values(rows), as_values(queries)
        segment = in_memory(kind, rows)
        found = {
            triple
            for piece in segment.near(words, radius)
            for triple in zip(*(part.tolist() for part in piece), strict=True)
        }
    assert found == brute_force(rows, queries, radius, kind.metric)
    assert len(values) == len(segment)


def in_memory(kind: ValueType, rows: list[bytes]) -> HammingSegment:
    """A segment in a file that is removed at once."""
    path = Path(f"/dev/shm/edgeward-test-{random.randbytes(8).hex()}")
    try:
        return HammingSegment(SegmentFile(written(path, kind, rows)), kind.metric)
    finally:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("kind", [PDQ, COMPOSITE])
@pytest.mark.parametrize("candidates", [0, 1, 1000])
@pytest.mark.parametrize("bands", [True, False])
def test_equal_values(
    kind: ValueType, candidates: int, bands: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`equal` finds every row with exactly that value, of few values and of many, in crowded buckets and others."""
    if bands:
        force_bands(monkeypatch)
    monkeypatch.setattr(hamming_segment, "MAX_EQUAL_CANDIDATES", candidates)
    monkeypatch.setattr(hamming_segment, "VALUES_PER_PIECE", 50)
    chance = random.Random(3)
    rows = [chance.randbytes(kind.size) for _ in range(200)]
    rows += rows[50:60]
    segment = HammingSegment(SegmentFile(written(tmp_path / "a", kind, rows)), kind.metric)
    many = [*rows[:60], chance.randbytes(kind.size), rows[150], *rows[50:60]]
    for queries in (many, many[55:70]):
        found = [pair for piece in segment.equal(as_values(queries)) for pair in zip(*map(list, piece), strict=True)]
        assert sorted(found) == sorted(
            (n, row) for n, query in enumerate(queries) for row, v in enumerate(rows) if v == query
        )


def test_pieces_are_small(tmp_path: Path) -> None:
    """A search of many values in many rows is cut into pieces, so that others run in between."""
    values = np.random.default_rng(0).integers(0, 256, (40_000, 32), np.uint8)
    rows = [as_rows([value.tobytes() for value in values])]
    for _ in write_hamming_segment(tmp_path / "a", PDQ, len(values), rows):
        pass
    segment = HammingSegment(SegmentFile(tmp_path / "a"))
    assert len(list(segment.near(values[:300], 31))) >= 4
    assert len(list(segment.near(values[:300], 120))) >= 20


def test_giving_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At whichever step the writing is closed."""
    force_bands(monkeypatch)
    rows = [random.randbytes(32) for _ in range(200)]
    steps = sum(1 for _ in write_hamming_segment(tmp_path / "a", PDQ, 200, [as_rows(rows)]))
    (tmp_path / "a").unlink()
    for stop in range(1, steps):
        writing = write_hamming_segment(tmp_path / "a", PDQ, 200, [as_rows(rows)])
        for _ in range(stop):
            next(writing)
        writing.close()  # type: ignore[attr-defined]
        assert list(tmp_path.iterdir()) == []


def test_wrong_counts_are_refused(tmp_path: Path) -> None:
    """A segment that would have fewer rows than it says, or more than can be numbered, is not written."""
    for count in (1, 3, 1 << 32):
        with pytest.raises(ValueError, match="rows"):
            list(write_hamming_segment(tmp_path / "a", PDQ, count, [as_rows([b"a" * 32, b"b" * 32])]))
    assert list(tmp_path.iterdir()) == []

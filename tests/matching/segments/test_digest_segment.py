"""Digests against a dictionary."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.matching.segments.examples import MD5, SHA1, as_rows, as_values, force_bands, in_parts, written

from edgeward.matching.segments import digest_segment
from edgeward.matching.segments.digest_segment import DigestSegment, write_digest_segment
from edgeward.matching.segments.segment_file import SegmentFile
from edgeward.matching.segments.segment_rows import ValueType


def found(segment: DigestSegment, queries: list[bytes]) -> list[tuple[int, int]]:
    """Pairs of (position of the query, reference), sorted."""
    pieces = ((numbers.tolist(), segment.refs[rows].tolist()) for numbers, rows in segment.equal(as_values(queries)))
    return sorted(pair for numbers, refs in pieces for pair in zip(numbers, refs, strict=True))


def expected(rows: list[bytes], queries: list[bytes]) -> list[tuple[int, int]]:
    return sorted((n, ref) for n, query in enumerate(queries) for ref, row in enumerate(rows) if row == query)


@pytest.mark.parametrize("bits", [128, 160, 256, 512])
def test_every_listed_digest_is_found(bits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its reference, repeated ones with each of theirs, and no other; they lie in ascending order."""
    force_bands(monkeypatch)
    monkeypatch.setattr(digest_segment, "QUERIES_PER_PIECE", 50)
    kind, chance = ValueType("x", bits, False), random.Random(bits)
    rows = [chance.randbytes(kind.size) for _ in range(400)]
    rows += [*rows[:30], bytes(kind.size), b"\xff" * kind.size]
    segment = DigestSegment(SegmentFile(written(tmp_path / "a", kind, rows)))
    assert [value.tobytes() for value in segment.values] == sorted(rows)
    queries = [*rows, *(row[:-1] + bytes([row[-1] ^ 1]) for row in rows[:50]), chance.randbytes(kind.size)]
    assert found(segment, queries) == expected(rows, queries)


@given(
    st.lists(st.tuples(st.sampled_from([b"", b"\0", b"\xff"]), st.integers(0, 3)), max_size=40),
    st.integers(1, 10),
)
def test_digests_that_share_prefixes(parts: list[tuple[bytes, int]], chunk: int) -> None:
    """Also those that differ in their last byte alone, or hold zeros: all are found, however they are sorted."""
    rows = [prefix.ljust(15, b"\0") + bytes([last]) for prefix, last in parts]
    path = Path(f"/dev/shm/edgeward-test-{random.randbytes(8).hex()}")
    with pytest.MonkeyPatch.context() as patch:
        force_bands(patch)
        patch.setattr(digest_segment, "CHUNK_ROWS", chunk)
        try:
            segment = DigestSegment(SegmentFile(written(path, MD5, rows)))
        finally:
            path.unlink(missing_ok=True)
    queries = [
        prefix.ljust(15, b"\0") + bytes([last]) for prefix in (b"", b"\0", b"\xff", b"\x80") for last in range(5)
    ]
    assert found(segment, queries) == expected(rows, queries)
    assert [value.tobytes() for value in segment.values] == sorted(rows)


def test_giving_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At whichever step the writing is closed; and if the rows are fewer than said."""
    force_bands(monkeypatch)
    rows = [random.randbytes(20) for _ in range(300)]
    steps = sum(1 for _ in write_digest_segment(tmp_path / "a", SHA1, 300, in_parts(rows)))
    (tmp_path / "a").unlink()
    for stop in range(1, steps):
        writing = write_digest_segment(tmp_path / "a", SHA1, 300, in_parts(rows))
        for _ in range(stop):
            next(writing)
        writing.close()  # type: ignore[attr-defined]
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="1 rows instead of 2"):
        list(write_digest_segment(tmp_path / "a", SHA1, 2, [as_rows(rows[:1])]))
    assert list(tmp_path.iterdir()) == []

"""Values and segments that several tests use, and brute force to compare with."""

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from edgeward.matching.segments import band_layout, band_search, bucket_sort, digest_segment, hamming_segment
from edgeward.matching.segments.segment_file import SegmentFile
from edgeward.matching.segments.segment_rows import HAMMING, Metric, Rows, Values, ValueType
from edgeward.matching.segments.segment_writing import write_segment

PDQ = ValueType("pdq", 256, True)
PHASH = ValueType("phash", 64, True)
COMPOSITE = ValueType("pdq-dhash", 320, True, Metric(1, 8))
LONG = ValueType("long", 320, True)
MD5 = ValueType("md5", 128, False)
SHA1 = ValueType("sha1", 160, False)

type Pairs = set[tuple[int, int, int]]
"""Position of a query, reference, distance."""


def force_bands(patch: pytest.MonkeyPatch) -> None:
    """Few rows get bands and are searched by them, in many chunks and pieces, with the cheapest numbers of flips."""
    patch.setattr(band_layout, "MIN_INDEXED_ROWS", 16)
    patch.setattr(hamming_segment, "SCAN_COST", 1e12)
    patch.setattr(bucket_sort, "CHUNK_ROWS", 100)
    patch.setattr(digest_segment, "CHUNK_ROWS", 100)
    patch.setattr(band_search, "CANDIDATES_PER_PIECE", 499)
    patch.setattr(band_search, "CROWDED", 60)


def as_values(values: Sequence[bytes]) -> Values:
    """(number of values, bytes of a value)."""
    return np.frombuffer(b"".join(values), np.uint8).reshape(len(values), -1)


def as_rows(values: Sequence[bytes], refs: Iterable[int] | None = None) -> Rows:
    """Rows whose references count up from 0, if none are given."""
    return Rows(as_values(values), np.array(list(range(len(values)) if refs is None else refs), np.uint64))


def in_parts(values: Sequence[bytes], size: int = 64) -> Iterator[Rows]:
    """The same rows, some at a time."""
    for start in range(0, len(values), size):
        some = values[start : start + size]
        yield as_rows(some, range(start, start + len(some)))


def written(path: Path, kind: ValueType, values: Sequence[bytes]) -> Path:
    """A segment of these values, whose references are their positions."""
    shares = list(write_segment(path, kind, len(values), in_parts(values)))
    assert shares == sorted(shares), "progress went back"
    return path


def near(path: Path, kind: ValueType, queries: Sequence[bytes], radius: int) -> Pairs:
    """What a segment finds."""
    segment = hamming_segment.HammingSegment(SegmentFile(path), kind.metric)
    return as_pairs(
        (numbers, segment.refs[rows], distances)
        for numbers, rows, distances in segment.near(as_values(queries), radius)
    )


def as_pairs(pieces: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Pairs:  # type: ignore[type-arg]
    return {pair for piece in pieces for pair in zip(*(part.tolist() for part in piece), strict=True)}


def brute_force(
    values: dict[bytes, int] | Sequence[bytes], queries: Sequence[bytes], radius: int, metric: Metric = HAMMING
) -> Pairs:
    """Every pair within the radius."""
    refs = values.items() if isinstance(values, dict) else zip(values, range(len(values)), strict=True)
    numbers = [(int.from_bytes(value), ref) for value, ref in refs]

    def apart(difference: int) -> int:
        if not metric.leading_words:
            return difference.bit_count()
        leading, others = divmod(difference, 1 << 256)
        return max(metric.weight * leading.bit_count(), others.bit_count())

    return {
        (position, ref, distance)
        for position, query in enumerate(map(int.from_bytes, queries))
        for value, ref in numbers
        if (distance := apart(query ^ value)) <= radius
    }


def flipped(value: bytes, count: int, chance: random.Random) -> bytes:
    """`value` with `count` of its bits flipped."""
    bits = 8 * len(value)
    flips = sum(1 << bit for bit in chance.sample(range(bits), min(count, bits)))
    return (int.from_bytes(value) ^ flips).to_bytes(len(value))

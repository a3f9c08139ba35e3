"""Comparing rows, against brute force."""

import random

import numpy as np
import pytest
from tests.matching.segments.examples import as_pairs, as_values, brute_force, flipped

from edgeward.matching.segments import row_scan
from edgeward.matching.segments.row_scan import equal_rows, near_among, scan_rows
from edgeward.matching.segments.segment_rows import words_of


@pytest.mark.parametrize("bits", [64, 128, 256, 320])
@pytest.mark.parametrize("radius", [0, 1, 31, 40, 41, 64, 256])
def test_every_pair_within_the_radius(bits: int, radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over many blocks and pieces; values of all ones and all zeros, too."""
    monkeypatch.setattr(row_scan, "ROWS_PER_BLOCK", 50)
    monkeypatch.setattr(row_scan, "WORDS_PER_PIECE", 1000)
    chance = random.Random(radius)
    queries = [*(chance.randbytes(bits // 8) for _ in range(5)), bytes(bits // 8)]
    rows = [flipped(query, count, chance) for query in queries for count in range(max(0, radius - 2), radius + 3)]
    rows += [chance.randbytes(bits // 8) for _ in range(150)] + [b"\xff" * (bits // 8), bytes(bits // 8)]
    words, wanted = words_of(as_values(rows)), words_of(as_values(queries))
    expected = brute_force(rows, queries, radius)
    assert as_pairs(scan_rows(words, wanted, radius)) == expected
    # The same among candidates that come twice.
    numbers, found = (part.ravel() for part in np.indices((len(queries), len(rows))))
    twice = np.tile(np.arange(len(numbers)), 2)
    piece = near_among(words, wanted, numbers[twice], found[twice], radius)
    assert len(piece[0]) == len(expected)
    assert as_pairs([piece]) == expected


def test_equal_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair of equal values is found once, also if values repeat on both sides, end in zeros, or all differ."""
    monkeypatch.setattr(row_scan, "ROWS_PER_LOOKUP", 10)
    chance = random.Random(4)
    some = [bytes(16), b"\xff" * 16, *(chance.randbytes(15) + b"\0" for _ in range(10))]
    for rows, values in (
        (chance.choices(some, k=45), chance.choices(some, k=30)),
        (some, [chance.randbytes(16) for _ in range(7)]),
    ):
        pieces = list(equal_rows(as_values(rows), as_values(values)))
        found = [pair for piece in pieces for pair in zip(*(part.tolist() for part in piece), strict=True)]
        expected = [(n, row) for row in range(len(rows)) for n in range(len(values)) if rows[row] == values[n]]
        assert sorted(found) == sorted(expected)

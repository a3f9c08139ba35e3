"""Comparing all pairs, block by block."""

import random

import numpy as np
import pytest

from edgeward.matching import linear_scan as module
from edgeward.matching.linear_scan import scan


@pytest.mark.parametrize(("rows", "queries", "words"), [(100, 1, 4), (7, 50, 4), (64, 3, 1), (200, 30, 2), (0, 5, 4)])
@pytest.mark.parametrize("radius", [0, 70, 256])
def test_finds_every_pair_once(
    rows: int, queries: int, words: int, radius: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However values and queries are cut into blocks, each pair within the radius comes once, with its distance."""
    monkeypatch.setattr(module, "PAIRS_PER_BLOCK", 64)
    chance = random.Random(rows + queries)
    values, asked = (
        np.array([[chance.getrandbits(64) for _ in range(count)] for _ in range(words)], np.uint64)
        for count in (rows, queries)
    )
    expected = [
        (number, row, distance)
        for number in range(queries)
        for row in range(rows)
        if (
            distance := sum(
                int(one ^ two).bit_count() for one, two in zip(values[:, row], asked[:, number], strict=True)
            )
        )
        <= radius
    ]
    found = [
        three for piece in scan(values, asked, radius) for three in zip(*map(np.ndarray.tolist, piece), strict=True)
    ]
    assert sorted(found) == expected

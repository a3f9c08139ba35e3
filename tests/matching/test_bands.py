"""Which values are compared with a query: no near one may be missing."""

import random
from itertools import combinations

import numpy as np
import pytest

from edgeward.matching import bands as module
from edgeward.matching.bands import Band, bands_for


@pytest.mark.parametrize(("number", "flips"), [(0, 0), (3, 1), (4, 2), (15, 1)])
def test_candidates_are_those_whose_band_is_near(number: int, flips: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each query exactly the rows whose band differs in at most that many bits, in pieces of bounded size."""
    monkeypatch.setattr(module, "PAIRS_PER_PIECE", 7)
    chance = random.Random(number)
    word, shift = number // 4, 16 * (number % 4)
    base = chance.getrandbits(64)
    masks = [sum(1 << bit for bit in bits) for count in range(4) for bits in combinations((0, 5, 15), count)]
    rows = np.array([[chance.getrandbits(64) for _ in range(200)] for _ in range(4)], np.uint64)
    rows[word, :8] = [(base ^ mask << shift) for mask in masks]
    queries = np.array([[chance.getrandbits(64), base] for _ in range(4)], np.uint64)
    candidates = Band(rows, number).candidates(queries, flips)
    pieces = [(numbers.tolist(), found.tolist()) for numbers, found in candidates]
    assert max(len(numbers) for numbers, _ in pieces) <= 7
    found = sorted(pair for numbers, some in pieces for pair in zip(numbers, some, strict=True))
    assert candidates.count == len(found)
    band = [[int(each) >> shift & 0xFFFF for each in values[word]] for values in (queries, rows)]
    assert found == [
        (query, row) for query in range(2) for row in range(200) if (band[0][query] ^ band[1][row]).bit_count() <= flips
    ]
    assert sum(query == 1 for query, _ in found) >= [1, 4, 7][flips]


def test_enough_bands_are_searched() -> None:
    """One band more than bits may differ, or all bands if there are fewer."""
    assert [len(bands_for(words, radius)) for words, radius in ((4, 31), (4, 3), (1, 6), (1, 0))] == [16, 4, 4, 1]

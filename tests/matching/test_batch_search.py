"""Many against many, against brute force: no pair within the radius is ever missed, and no other is found."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeward.matching import bands
from edgeward.matching import batch_search as module
from edgeward.matching.batch_search import near_pairs

type Words = NDArray[np.uint64]


def flipped(value: int, bits: int, count: int, chance: random.Random) -> int:
    return value ^ sum(1 << bit for bit in chance.sample(range(bits), count))


def words(values: list[int], bits: int) -> Words:
    """(words of a value, number of values)."""
    size = bits // 8
    text = b"".join(value.to_bytes(size) for value in values)
    return np.ascontiguousarray(np.frombuffer(text, ">u8").astype(np.uint64).reshape(len(values), size // 8).T)


def brute_force(rows: list[int], queries: list[int], radius: int) -> set[tuple[int, int]]:
    return {
        (number, row)
        for number, query in enumerate(queries)
        for row, value in enumerate(rows)
        if (query ^ value).bit_count() <= radius
    }


def found(rows: list[int], queries: list[int], bits: int, radius: int) -> set[tuple[int, int]]:
    chunks = near_pairs(words(rows, bits), words(queries, bits), radius)
    triples = {three for chunk in chunks for three in zip(*(part.tolist() for part in chunk), strict=True)}
    assert all((queries[number] ^ rows[row]).bit_count() == distance for number, row, distance in triples)
    return {(number, row) for number, row, _ in triples}


@pytest.mark.parametrize(
    ("bits", "radius"),
    [(256, 0), (256, 9), (256, 15), (256, 16), (256, 31), (256, 32), (256, 64), (64, 0), (64, 3), (64, 6), (64, 16)],
)
def test_recall_is_one(bits: int, radius: int) -> None:
    """At every distance around the radius exactly the pairs of brute force are found, however the bits are spread."""
    chance = random.Random(radius)
    queries = [chance.getrandbits(bits) for _ in range(60)]
    distances = range(max(0, radius - 2), min(bits, radius + 3))
    rows = [flipped(query, bits, distance, chance) for query in queries for distance in distances]
    rows += [query ^ ((1 << radius) - 1) << chance.randrange(bits - radius) for query in queries]
    rows += [chance.getrandbits(bits) for _ in range(2000)]
    assert found(rows, queries, bits, radius) == brute_force(rows, queries, radius)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32), bits=st.sampled_from([64, 256]), radius=st.integers(0, 64), at_once=st.integers(1, 99)
)
def test_any_values_and_radius(seed: int, bits: int, radius: int, at_once: int) -> None:
    """For any radius and any size of pieces exactly the pairs of brute force are found."""
    chance = random.Random(seed)
    queries = [chance.getrandbits(bits) for _ in range(40)]
    furthest = min(bits, radius + 1)
    rows = [flipped(chance.choice(queries), bits, chance.randrange(furthest + 1), chance) for _ in range(100)]
    rows += [chance.getrandbits(bits) for _ in range(200)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "PAIRS_PER_PIECE", at_once)
        patch.setattr(module, "MAX_CANDIDATE_SHARE", 10.0)  # search by bands even where a scan would be faster
        patch.setattr(module, "bands_help", lambda size, asked: asked // (size * 4) <= 2)
        assert found(rows, queries, bits, radius) == brute_force(rows, queries, radius)


@pytest.mark.parametrize("queries", [0, 1, 40])
def test_equal_values(queries: int) -> None:
    """Rows that are all equal, which no band tells apart, are all found; without queries nothing is."""
    rows = [5] * 3000
    assert found(rows, [5] * queries, 256, 31) == {(number, row) for number in range(queries) for row in range(3000)}
    assert found([], [5] * queries, 256, 31) == set()

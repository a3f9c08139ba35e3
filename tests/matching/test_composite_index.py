"""Search for `pdq-dhash` values finds exactly what brute force finds, whatever was added and removed."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeward.hashing.signal_types import PdqDhash
from edgeward.matching import hamming, linear_scan
from edgeward.matching.composite_index import CompositeIndex
from edgeward.matching.distances import index_for

KIND = PdqDhash()
RADII = (0, 7, 8, 72, 96)
Step = tuple[bool, int, bytes]


def near(values: dict[int, bytes], query: bytes, radius: int) -> set[tuple[int, int]]:
    found = ((key, KIND.distance(value, query)) for key, value in values.items())
    return {(key, distance) for key, distance in found if distance <= radius}


def flipped(value: bytes, dhash: int, pdq: int, chance: random.Random) -> bytes:
    """`value` with `dhash` and `pdq` bits of its two parts flipped."""
    flips = [*chance.sample(range(256), pdq), *(256 + bit for bit in chance.sample(range(64), dhash))]
    return (int.from_bytes(value) ^ sum(1 << bit for bit in flips)).to_bytes(40)


def found_by(index: CompositeIndex[int], queries: list[bytes], radius: int) -> list[set[tuple[int, int]]]:
    found: list[set[tuple[int, int]]] = [set() for _ in queries]
    for piece in index.search_each([query.hex() for query in queries], radius):
        for number, key, distance in piece:
            found[number].add((key, distance))
    return found


def values_near(centre: bytes) -> st.SearchStrategy[bytes]:
    """Values up to 13 bits of dhash and 100 of PDQ from `centre`, so that each radius includes only some."""
    parts = st.tuples(st.integers(0, 13), st.integers(0, 100), st.randoms(use_true_random=False))
    return parts.map(lambda part: flipped(centre, *part))


CENTRE = bytes(range(40))
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 12), values_near(CENTRE)), max_size=40)


@settings(max_examples=80)
@given(STEPS, st.lists(values_near(CENTRE), max_size=6), st.sampled_from(RADII))
def test_any_order_of_changes(steps: list[Step], queries: list[bytes], radius: int) -> None:
    """After any additions, replacements and removals each query finds what lies near it, and nothing else."""
    index, values = CompositeIndex[int](KIND), dict[int, bytes]()
    for is_added, key, value in steps:
        if is_added:
            index.add(key, value.hex())
            values[key] = value
        else:
            index.remove(key)
            values.pop(key, None)
    assert (len(index), index.bits) == (len(values), 320)
    queries += [*values.values(), CENTRE]
    assert found_by(index, queries, radius) == [near(values, query, radius) for query in queries]
    found = index.search(CENTRE.hex(), radius)
    assert set(found) == near(values, CENTRE, radius)
    assert found == sorted(found, key=lambda pair: pair[1])


@pytest.mark.parametrize("radius", RADII)
def test_many_at_once_in_a_sorted_index(radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an index sorted by the dhash and changed since, queries that share a dhash each find their own matches."""
    monkeypatch.setattr(hamming, "MIN_ROWS_TO_SORT", 100)
    monkeypatch.setattr(hamming, "MIN_PAIRS_FOR_BANDS", 0)
    monkeypatch.setattr(linear_scan, "PAIRS_PER_BLOCK", 64)
    chance = random.Random(radius)
    centres = [chance.randbytes(40) for _ in range(8)]
    queries = [each for centre in centres for each in (centre, flipped(centre, 0, 30, chance), chance.randbytes(40))]
    index, values = CompositeIndex[int](KIND), dict[int, bytes]()
    for _ in range(6):
        for _ in range(150):
            key, centre = chance.randrange(900), chance.choice(centres)
            is_near = chance.random() < 0.5
            parts = chance.randrange(min(radius // 8 + 2, 14)), chance.randrange(radius + 2)
            values[key] = flipped(centre, *parts, chance) if is_near else chance.randbytes(40)
            index.add(key, values[key].hex())
        for key in chance.sample(sorted(values), 40):
            del values[key]
            index.remove(key)
        assert found_by(index, queries, radius) == [near(values, query, radius) for query in queries]
        if index.rebuild:
            index.rebuild.join()
    assert len(index.sorted_bands.bands) == 4, "by the dhash alone"


def test_composite_values_get_this_index() -> None:
    """`index_for` gives this index for `pdq-dhash`, but not for values of another length."""
    assert isinstance(index_for("pdq-dhash", 320), CompositeIndex)
    assert not isinstance(index_for("pdq-dhash", 64), CompositeIndex)


@pytest.mark.parametrize("value", ["", "0" * 79, "0" * 81, "g" * 80])
def test_malformed_values_are_refused(value: str) -> None:
    """A value of another length or with other digits is refused, and the index stays as it was."""
    index = CompositeIndex[str](KIND)
    with pytest.raises(ValueError, match=r"bits|hexadecimal"):
        index.add("bad", value)
    assert len(index) == 0
    assert index.search("0" * 80, 96) == []

"""The compact set of entry ids."""

import random

import pytest

from edgeward.lists.distinct_ids import MIN_SLOTS, DistinctIds


@pytest.mark.parametrize("expected", [0, 5000])
def test_each_id_is_new_once(expected: int) -> None:
    """Also if there are many more than were expected, and if their places are the same."""
    rng = random.Random(5)
    ids = [f"{rng.getrandbits(80):020x}" for _ in range(4 * MIN_SLOTS)]
    ids += [f"{number % 3 << 70 | number // 3 << 1:020x}" for number in range(1, 300)]
    distinct = DistinctIds(expected)
    known = set[str]()
    for each in [*ids, *rng.sample(ids, 2000), *ids[:100]]:
        assert distinct.add(each) == (each not in known)
        known.add(each)


def test_ids_that_share_a_place_are_told_apart() -> None:
    """They differ in what is not looked at to find the place."""
    same = [f"{0:016x}{number:04x}" for number in range(1, 40)]
    distinct = DistinctIds()
    assert all(distinct.add(each) for each in same)
    assert not any(distinct.add(each) for each in same)


@pytest.mark.parametrize("text", ["", "00" * 10, "ab" * 9, "ab" * 11, "zz" * 10])
def test_only_ids_are_taken(text: str) -> None:
    """Anything else is an error of the caller."""
    with pytest.raises(ValueError):
        DistinctIds().add(text)

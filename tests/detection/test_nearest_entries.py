"""Distances, compared with those of signal types."""

import random

import pytest
from tests.detection.nearest_entries import Entries, Nearest, least, pairs_within

from edgeward.hashing.signal_registry import listable_types


def test_nearest_is_over_all_pairs() -> None:
    """Each value's least distance to its own photograph's entries, to other photographs' and unrelated images'."""
    pairs = [
        ("own", "0000000000000000"),
        ("own", "00000000000000ff"),
        ("other", "ffff000000000000"),
        ("unrelated", "ffff00000000ffff"),
    ]
    entries = Entries("phash", pairs, {"unrelated"})

    assert entries.nearest(["ff00000000000000", "0000000000000001"], "own") == [(8, 8, 24), (1, 17, 31)]
    assert entries.nearest(["0000000000000001"], "third") == [(None, 1, 31)]
    assert entries.nearest(["ffff00000000fffe"], "own") == [(25, 15, 1)]
    assert entries.nearest([], "own") == []
    assert Entries("phash", []).nearest(["0000000000000001"], "own") == [(None, None, None)]


def test_least_is_taken_column_by_column() -> None:
    """The least of several values counts in each column; None where no value has any."""
    assert least([Nearest(8, None, 3), Nearest(1, None, 31), Nearest(None, None, 4)]) == (1, None, 3)
    assert least([]) == (None, None, None)


def test_pairs_are_of_two_pictures() -> None:
    """Each pair is named once, however many of its values are near; no picture pairs with itself."""
    pairs = [("b", "00000000000000ff"), ("a", "00000000000000fe"), ("a", "00000000000000fc"), ("c", "ffffffffffffffff")]

    assert pairs_within("phash", pairs, 2) == [("a", "b")]
    assert pairs_within("phash", pairs, 0) == []
    assert pairs_within("phash", [], 6) == []


@pytest.mark.parametrize("kind", ["pdq", "phash", "dhash", "pdq-dhash"])
def test_distances_are_those_of_the_type(kind: str) -> None:
    """Those that the signal type itself computes, for any bits."""
    values, bits = random.Random(kind), listable_types()[kind].bits
    one, *others = (values.randbytes(bits // 8) for _ in range(9))
    entries = Entries(kind, [(str(number), other.hex()) for number, other in enumerate(others)])

    for number, other in enumerate(others):
        assert entries.nearest([one.hex()], str(number))[0].own == listable_types()[kind].distance(one, other)

"""The append-only index is exact, for any size of values and any steps of growth."""

import random

import pytest

from edgeward.matching import append_only_index as module
from edgeward.matching import linear_scan
from edgeward.matching.append_only_index import AppendOnlyIndex


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few values fill several segments and blocks."""
    monkeypatch.setattr(module, "SEGMENT_ROWS", 64)
    monkeypatch.setattr(module, "SEGMENTS_PER_SCAN", 3)
    monkeypatch.setattr(linear_scan, "PAIRS_PER_BLOCK", 40)


def filled(size: int, count: int, chance: random.Random) -> tuple[AppendOnlyIndex, list[bytes]]:
    index, values = AppendOnlyIndex(size), [chance.randbytes(size) for _ in range(count)]
    start = 0
    while start < count:
        some = values[start : start + chance.randrange(1, 90)]
        index.add(b"".join(some), range(start, start + len(some)))
        start += len(some)
    return index, values


def near(index: AppendOnlyIndex, value: bytes, radius: int) -> list[int]:
    return [found for _, ids in index.near_each([value], radius) for found in ids]


def distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


@pytest.mark.parametrize(("size", "radius"), [(32, 100), (32, 0), (8, 24), (8, 0), (13, 35)])
def test_finds_what_brute_force_finds(size: int, radius: int) -> None:
    """One at a time, a few and many at once, over many segments, exactly the values within the radius are found."""
    index, values = filled(size, 500, random.Random(3))
    assert len(index) == 500
    queries = [*values[:50], *(random.Random(9).randbytes(size) for _ in range(5))]
    expected = [
        {number for number, value in enumerate(values) if distance(value, query) <= radius} for query in queries
    ]
    assert [set(near(index, query, radius)) for query in queries] == expected
    for some in (slice(0, None), slice(0, 3)):
        each: list[set[int]] = [set() for _ in queries[some]]
        for numbers, ids in index.near_each(queries[some], radius):
            for number, found in zip(numbers, ids, strict=True):
                each[number].add(found)
        assert each == expected[some]


def test_ids_may_repeat() -> None:
    """Several values can have one id, as the frames of one image do; and ids use all their 32 bits."""
    index = AppendOnlyIndex(8)
    index.add(bytes(16) + b"\xff" * 8, [7, 2**32 - 1, 7])
    assert sorted(near(index, bytes(8), 0)) == [7, 2**32 - 1]
    assert near(index, b"\xff" * 8, 0) == [7]


def test_an_empty_index_finds_nothing() -> None:
    """Without values nothing is found, for one query or for many."""
    index = AppendOnlyIndex(32)
    assert near(index, bytes(32), 256) == []
    assert list(index.near_each([bytes(32)] * 50, 31)) == []


@pytest.mark.parametrize(("values", "ids"), [(bytes(9), [1]), (bytes(16), [1])])
def test_wrong_lengths_are_refused(values: bytes, ids: list[int]) -> None:
    """Bytes that are not a whole number of values, or a wrong number of ids, raise and add nothing."""
    index = AppendOnlyIndex(8)
    with pytest.raises(ValueError, match=r"1 ids for 2|9 bytes"):
        index.add(values, ids)
    assert len(index) == 0


@pytest.mark.parametrize("size", [5, 8, 32])
def test_all_values_in_pieces(size: int) -> None:
    """They come as they were added, with their ids, segment after segment."""
    index, values = filled(size, 150, random.Random(3))
    pieces = [([value.tobytes() for value in some], ids.tolist()) for some, ids in index.pieces()]
    assert [len(ids) for _, ids in pieces] == [64, 64, 22]
    assert [value for some, _ in pieces for value in some] == values
    assert [number for _, ids in pieces for number in ids] == list(range(150))

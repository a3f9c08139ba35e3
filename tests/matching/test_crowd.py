"""The compact index: exact, whatever the size and however it grew."""

import random

import pytest

from edgeward.matching import crowd as module
from edgeward.matching import scan
from edgeward.matching.crowd import Crowd


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several segments, pages and blocks also of few values."""
    monkeypatch.setattr(module, "SEGMENT", 64)
    monkeypatch.setattr(module, "PAGE", 3)
    monkeypatch.setattr(scan, "BLOCK", 40)


def filled(size: int, count: int, chance: random.Random) -> tuple[Crowd, list[bytes]]:
    crowd, values = Crowd(size), [chance.randbytes(size) for _ in range(count)]
    start = 0
    while start < count:
        some = values[start : start + chance.randrange(1, 90)]
        crowd.add(b"".join(some), range(start, start + len(some)))
        start += len(some)
    return crowd, values


def near(crowd: Crowd, value: bytes, radius: int) -> list[int]:
    return [mark for _, marks in crowd.near_each([value], radius) for mark in marks]


def distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


@pytest.mark.parametrize(("size", "radius"), [(32, 100), (32, 0), (8, 24), (8, 0), (13, 35)])
def test_finds_what_brute_force_finds(size: int, radius: int) -> None:
    """One at a time, a few and many at once, over many segments, exactly the values within the radius are found."""
    crowd, values = filled(size, 500, random.Random(3))
    assert len(crowd) == 500
    queries = [*values[:50], *(random.Random(9).randbytes(size) for _ in range(5))]
    expected = [{mark for mark, value in enumerate(values) if distance(value, query) <= radius} for query in queries]
    assert [set(near(crowd, query, radius)) for query in queries] == expected
    for some in (slice(0, None), slice(0, 3)):
        each: list[set[int]] = [set() for _ in queries[some]]
        for numbers, marks in crowd.near_each(queries[some], radius):
            for number, mark in zip(numbers, marks, strict=True):
                each[number].add(mark)
        assert each == expected[some]


def test_marks_may_repeat() -> None:
    """Several values can have one mark, as the frames of one image do; and marks use all their 32 bits."""
    crowd = Crowd(8)
    crowd.add(bytes(16) + b"\xff" * 8, [7, 2**32 - 1, 7])
    assert sorted(near(crowd, bytes(8), 0)) == [7, 2**32 - 1]
    assert near(crowd, b"\xff" * 8, 0) == [7]


def test_an_empty_crowd_has_nothing() -> None:
    """Nothing is found where nothing is."""
    crowd = Crowd(32)
    assert near(crowd, bytes(32), 256) == []
    assert list(crowd.near_each([bytes(32)] * 50, 31)) == []


@pytest.mark.parametrize(("values", "marks"), [(bytes(9), [1]), (bytes(16), [1])])
def test_what_does_not_fit_is_refused(values: bytes, marks: list[int]) -> None:
    """Bytes that are no whole number of values, or another number of marks, raise and add nothing."""
    crowd = Crowd(8)
    with pytest.raises(ValueError, match=r"1 marks for 2|9 bytes"):
        crowd.add(values, marks)
    assert len(crowd) == 0

"""How values of a segment are searched, compared with brute force by the type's own distance."""

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from tests.matching.segments.examples import as_pairs, as_values, flipped, in_parts

from edgeward.errors import DamagedSegment
from edgeward.hashing import signal_registry
from edgeward.hashing.signal_registry import listable_types
from edgeward.hashing.signal_types import ListedType
from edgeward.matching.batches.value_search import ValueSearch, value_type
from edgeward.matching.segments.segment_rows import ValueType
from edgeward.matching.segments.segment_writing import write_segment

chance = random.Random(5)


class Absolute(ListedType):
    """A type with its own distance."""

    name, bits, radius, max_radius = "absolute", 32, 40, 1000

    def distance(self, one: bytes, other: bytes) -> int:
        return sum(abs(a - b) for a, b in zip(one, other, strict=True))


class Short(ListedType):
    """A type of an odd number of bytes, with Hamming distance."""

    name, bits, radius = "short", 24, 3


class Tiny(ListedType):
    """A type of one byte."""

    name, bits, radius = "tiny", 8, 1


def install(patch: pytest.MonkeyPatch, *kinds: ListedType) -> None:
    """Let these types be known too."""
    known = {**listable_types(), **{kind.name: kind for kind in kinds}}
    patch.setattr(signal_registry, "listable_types", lambda: known)
    patch.setattr("edgeward.matching.batches.value_search.listable_types", lambda: known)


def search(path: Path, name: str, values: list[bytes]) -> ValueSearch:
    size = len(values[0])
    for _ in write_segment(path, value_type(name, size), len(values), in_parts(values)):
        pass
    return ValueSearch(path, name, size)


def values_near(size: int, count: int = 150) -> list[bytes]:
    """Values of which some are near others, and some equal."""
    some = [chance.randbytes(size) for _ in range(count)]
    near = [flipped(value, chance.randrange(9), chance) for value in some[: count // 2]]
    return [*some, *near]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("pdq", 32),
        ("phash", 8),
        ("pdq-dhash", 40),
        ("pdq", 16),
        ("pdq", 5),
        ("absolute", 4),
        ("absolute", 8),
        ("short", 3),
        ("tiny", 1),
    ],
)
def test_finds_what_is_near_by_the_types_distance(
    name: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each type is searched by its own distance, and values of another length by the bits that differ."""
    install(monkeypatch, Absolute(), Short(), Tiny())
    values = values_near(size)
    found = search(tmp_path / "x.segment", name, values)
    kind = (
        listable_types()[name]
        if name in listable_types()
        else {"absolute": Absolute, "short": Short, "tiny": Tiny}[name]()
    )
    distance = kind.distance if kind.bits == 8 * size else ListedType().distance
    queries = values[::7]
    for radius in (0, 1, 9, 40):
        expected = {
            (number, row, apart)
            for number, query in enumerate(queries)
            for row, value in enumerate(values)
            if (apart := distance(query, value)) <= radius
        }
        assert as_pairs(found.near(as_values(queries), radius)) == expected
    pairs = itertools.product(range(len(queries)), range(len(values)))
    equal = {(number, row) for number, row in pairs if queries[number] == values[row]}
    assert {
        pair
        for numbers, refs in found.equal(as_values(queries))
        for pair in zip(numbers.tolist(), refs.tolist(), strict=True)
    } == equal


def test_a_type_may_be_installed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that was written when its type was unknown is searched by the distance that it has now."""
    values = values_near(4, 40)
    search(tmp_path / "x.segment", "absolute", values)
    install(monkeypatch, Absolute())
    found = ValueSearch(tmp_path / "x.segment", "absolute", 4)
    near = as_pairs(found.near(as_values(values[:1]), 40))
    assert near == {
        (0, row, apart) for row, value in enumerate(values) if (apart := Absolute().distance(values[0], value)) <= 40
    }


def test_a_segment_may_be_made_for_another_distance(tmp_path: Path) -> None:
    """Values that were written to be searched by their bits are searched by the distance that their type has."""
    values = [bytes(40), b"\x01" + bytes(39), bytes(39) + b"\x01", *values_near(40, 20)]
    for _ in write_segment(tmp_path / "x.segment", ValueType("pdq-dhash", 320, True), len(values), in_parts(values)):
        pass
    found = ValueSearch(tmp_path / "x.segment", "pdq-dhash", 40)
    assert as_pairs(found.near(as_values(values[:1]), 20)) == {(0, 0, 0), (0, 1, 8), (0, 2, 1)}


def test_a_type_may_be_removed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment of a type that is unknown now still tells which values are equal."""
    values = values_near(40, 40)
    search(tmp_path / "x.segment", "pdq-dhash", values)
    monkeypatch.setattr("edgeward.matching.batches.value_search.listable_types", dict)
    found = ValueSearch(tmp_path / "x.segment", "pdq-dhash", 40)
    for numbers, refs in found.equal(as_values(values[:1])):
        assert not numbers.any()
        assert 0 in refs
    assert sum(len(refs) for _, refs in found.equal(as_values(values[:1]))) >= 1


def test_segments_of_others_are_refused(tmp_path: Path) -> None:
    """A segment of another type or length is an error that names it."""
    search(tmp_path / "x.segment", "md5", [bytes(16)])
    for name, size in (("md5", 20), ("sha1", 16)):
        with pytest.raises(DamagedSegment, match=rf"x\.segment: it is not of {name} of {8 * size} bits"):
            ValueSearch(tmp_path / "x.segment", name, size)
    with pytest.raises(FileNotFoundError):
        ValueSearch(tmp_path / "y.segment", "md5", 16)


def test_references_are_kept(tmp_path: Path) -> None:
    """What is found is the reference that a value was written with."""
    found = search(tmp_path / "x.segment", "md5", [bytes([number]) * 16 for number in (9, 3, 200)])
    assert [refs.tolist() for _, refs in found.equal(np.full((1, 16), 200, np.uint8))] == [[2]]

"""Search by a type's own distance finds exactly what brute force finds, whatever was added and removed."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.stand_in import in_this_process, install

from edgeward.hashing.signal_types import BUILT_IN, ListedType
from edgeward.matching import distances as module
from edgeward.matching.append_only_index import AppendOnlyIndex
from edgeward.matching.distances import AppendOnlyDistanceIndex, DistanceIndex, append_only_index_for, index_for
from edgeward.matching.hamming import HammingIndex


class Sum(ListedType):
    """Four bytes; the sum of their differences."""

    name, bits, radius, max_radius = "sum", 32, 10, 100

    def distance(self, one: bytes, other: bytes) -> int:
        return sum(abs(a - b) for a, b in zip(one, other, strict=True))


class Many(Sum):
    """The same, all at once."""

    def distances(self, value: bytes, others: bytes) -> Sequence[int]:
        rows = (others[at : at + 4] for at in range(0, len(others), 4))
        return [self.distance(value, row) for row in rows]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few values fill many blocks."""
    monkeypatch.setattr(module, "VALUES_PER_BLOCK", 7)


def near(values: dict[int, bytes], query: bytes, radius: int) -> set[tuple[int, int]]:
    found = ((key, Sum().distance(value, query)) for key, value in values.items())
    return {(key, distance) for key, distance in found if distance <= radius}


@pytest.mark.parametrize("kind", [Sum(), Many()])
@pytest.mark.parametrize("radius", [0, 10, 300, 1020])
def test_recall_is_one(kind: ListedType, radius: int) -> None:
    """Each value within the radius is found with its distance, nearest first, for one query and for many."""
    chance = random.Random(radius)
    values = {key: bytes(chance.choices(range(256), k=4)) for key in range(200)}
    index = DistanceIndex[int](kind)
    for key, value in values.items():
        index.add(key, value.hex())
    queries = [*list(values.values())[:5], b"\0\0\0\0"]
    found = [index.search(query.hex(), radius) for query in queries]
    assert [set(each) for each in found] == [near(values, query, radius) for query in queries]
    assert all(each == sorted(each, key=lambda pair: pair[1]) for each in found)
    pieces = index.search_each([query.hex() for query in queries], radius)
    assert {triple for piece in pieces for triple in piece} == {
        (number, *pair) for number, each in enumerate(found) for pair in each
    }


@settings(max_examples=60)
@given(
    steps=st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 9), st.binary(min_size=4, max_size=4)))
)
def test_any_order_of_changes(steps: list[tuple[str, int, bytes]]) -> None:
    """After any additions, replacements and removals the index holds what a dictionary would."""
    index, values = DistanceIndex[int](Sum()), dict[int, bytes]()
    for step, key, value in steps:
        if step == "add":
            index.add(key, value.hex())
            values[key] = value
        else:
            index.remove(key)
            values.pop(key, None)
    assert len(index) == len(values)
    assert set(index.search("80808080", 1020)) == near(values, b"\x80\x80\x80\x80", 1020)


@pytest.mark.parametrize("value", ["", "00", "0000000g", "00 00 00"])
def test_only_values_of_its_length(value: str) -> None:
    """Malformed values are refused, and the index stays as it was."""
    index = DistanceIndex[str](Sum())
    with pytest.raises(ValueError, match=r"bits|hexadecimal"):
        index.add("a", value)
    assert len(index) == 0
    index.add("b", "01020304")
    assert index.search("01020304", 0) == [("b", 0)]


def test_an_append_only_index_finds_ids() -> None:
    """Many queries at once, over many blocks, with ids that repeat."""
    chance = random.Random(5)
    values = [bytes(chance.choices(range(256), k=4)) for _ in range(100)]
    index = AppendOnlyDistanceIndex(Sum())
    for start in range(0, 100, 9):
        some = values[start : start + 9]
        index.add(b"".join(some), [place // 2 for place in range(start, start + len(some))])
    assert len(index) == 100
    queries = values[:8]
    found: list[set[int]] = [set() for _ in queries]
    for numbers, ids in index.near_each(queries, 200):
        for number, image in zip(numbers, ids, strict=True):
            found[number].add(image)
    expected = [{key // 2 for key, _ in near(dict(enumerate(values)), query, 200)} for query in queries]
    assert found == expected
    with pytest.raises(ValueError, match="2 ids for 1 values"):
        index.add(b"\0\0\0\0", [1, 2])


@pytest.fixture
def photodna(tmp_path: Path) -> Iterator[None]:
    with in_this_process(install(tmp_path)):
        yield


@pytest.mark.usefixtures("photodna")
def test_each_type_has_the_search_for_its_distance() -> None:
    """Hamming distance gets the fast index; a distance of its own, on values of its length, the slow one."""
    assert isinstance(index_for("photodna", 1152), DistanceIndex)
    assert isinstance(append_only_index_for("photodna", 144), AppendOnlyDistanceIndex)
    for kind in BUILT_IN:
        assert isinstance(index_for(kind.name, kind.bits), HammingIndex)
        assert isinstance(append_only_index_for(kind.name, kind.bits // 8), AppendOnlyIndex)
    assert isinstance(index_for("photodna", 64), HammingIndex)
    assert isinstance(append_only_index_for("gone", 144), AppendOnlyIndex)

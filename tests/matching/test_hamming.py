"""The index against brute force: nothing within the radius is ever missed, and nothing else is found."""

import random
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeward.matching import hamming, linear_scan
from edgeward.matching.band_rebuild import BandRebuild
from edgeward.matching.hamming import HammingIndex


class HeldRebuild(BandRebuild):
    """Waits with the sorting until a test sets `go`."""

    go = Event()

    def run(self) -> None:
        self.go.wait(60)
        super().run()


def flip(value: int, bits: int, count: int, chance: random.Random) -> int:
    """`value` with `count` of its `bits` bits flipped."""
    for bit in chance.sample(range(bits), count):
        value ^= 1 << bit
    return value


def text(value: int, bits: int) -> str:
    return f"{value:0{bits // 4}x}"


def brute_force(values: dict[int, int], query: int, radius: int) -> set[tuple[int, int]]:
    distances = ((key, (value ^ query).bit_count()) for key, value in values.items())
    return {(key, distance) for key, distance in distances if distance <= radius}


@pytest.mark.parametrize(("bits", "radius"), [(256, 31), (256, 0), (256, 128), (256, 256), (64, 6), (64, 32), (96, 9)])
def test_recall_is_one(bits: int, radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every distance around the radius, over many blocks, the index finds exactly what brute force finds."""
    monkeypatch.setattr(linear_scan, "PAIRS_PER_BLOCK", 256)
    chance = random.Random(7)
    centres = [chance.getrandbits(bits) for _ in range(20)]
    near = [flip(c, bits, d, chance) for c in centres for d in range(max(0, radius - 3), min(bits, radius + 4))]
    values = dict(enumerate(near + [chance.getrandbits(bits) for _ in range(2000)]))
    index = HammingIndex[int](bits)
    for key, value in values.items():
        index.add(key, text(value, bits))
    for centre in centres:
        assert set(index.search(text(centre, bits), radius)) == brute_force(values, centre, radius)


def finish_rebuild(index: HammingIndex[int]) -> None:
    """Let a rebuild that was started sort, and wait for its end."""
    if index.rebuild:
        HeldRebuild.go.set()
        index.rebuild.join()
        HeldRebuild.go.clear()


@pytest.mark.parametrize(("bits", "radius"), [(256, 31), (256, 0), (256, 40), (64, 6), (64, 1), (96, 9)])
def test_many_at_once_in_a_sorted_index(bits: int, radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was added, replaced and removed before, during and after the sorting, each of many values finds exactly
    what brute force finds, with its distance."""
    monkeypatch.setattr(hamming, "MIN_ROWS_TO_SORT", 100)
    monkeypatch.setattr(hamming, "MIN_PAIRS_FOR_BANDS", 0)
    monkeypatch.setattr(hamming, "BandRebuild", HeldRebuild)
    chance = random.Random(radius)
    centres = [chance.getrandbits(bits) for _ in range(40)]
    index, values = HammingIndex[int](bits), dict[int, int]()
    for turn in range(12):
        if turn % 3 == 1:
            finish_rebuild(index)  # before rows change
        for _ in range(200):
            key = chance.randrange(1500)
            near = flip(chance.choice(centres), bits, chance.randrange(min(bits, radius + 4)), chance)
            values[key] = near if chance.random() < 0.3 else chance.getrandbits(bits)
            index.add(key, text(values[key], bits))
        for key in chance.sample(sorted(values), 60):
            del values[key]
            index.remove(key)
        if turn % 3 == 0:
            finish_rebuild(index)  # after they changed; in every third turn not at all
        found: list[set[tuple[int, int]]] = [set() for _ in centres]
        for piece in index.search_each([text(centre, bits) for centre in centres], radius):
            for number, key, distance in piece:
                found[number].add((key, distance))
        assert found == [brute_force(values, centre, radius) for centre in centres]
    finish_rebuild(index)
    assert index.sorted_bands.bands, "nothing was sorted"
    assert list(index.search_each([], radius)) == []


@settings(max_examples=60)
@given(
    steps=st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 9), st.integers(0, 2**64 - 1))),
    query=st.integers(0, 2**64 - 1),
    radius=st.integers(0, 64),
)
def test_any_order_of_changes(steps: list[tuple[str, int, int]], query: int, radius: int) -> None:
    """After any additions, replacements and removals the index holds what a dictionary would."""
    index, values = HammingIndex[int](64), dict[int, int]()
    for step, key, value in steps:
        if step == "add":
            index.add(key, text(value, 64))
            values[key] = value
        else:
            index.remove(key)
            values.pop(key, None)
    assert len(index) == len(values)
    assert set(index.search(text(query, 64), radius)) == brute_force(values, query, radius)


def test_grows_beyond_its_first_capacity() -> None:
    """Values from before the index grew are still found."""
    index = HammingIndex[int](64)
    for key in range(3 * hamming.INITIAL_CAPACITY):
        index.add(key, text(key << 20, 64))
    for key in (0, 1, hamming.INITIAL_CAPACITY, 3 * hamming.INITIAL_CAPACITY - 1):
        assert (key, 0) in index.search(text(key << 20, 64), 0)


def test_nearest_first() -> None:
    """Results are in order of distance."""
    index = HammingIndex[str](64)
    for name, value in (("two", 0b11), ("none", 0), ("one", 0b1)):
        index.add(name, text(value, 64))
    assert index.search(text(0, 64), 2) == [("none", 0), ("one", 1), ("two", 2)]


@pytest.mark.parametrize("value", ["", "0" * 63, "0" * 65, "g" * 64])
def test_malformed_values_are_refused(value: str) -> None:
    """A value of another length or with other digits is refused, and the index stays as it was."""
    index = HammingIndex[str](256)
    with pytest.raises(ValueError, match=r"bits|hexadecimal"):
        index.add("bad", value)
    assert len(index) == 0
    assert index.search("0" * 64, 256) == []

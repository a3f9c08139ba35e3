"""Which views of an image match which lists."""

import asyncio
import random
from dataclasses import replace

import pytest
from tests.matching.examples import SHA, image, matcher, pdq

from edgeward.matching import matcher as module
from edgeward.matching import time_slicing
from edgeward.matching.matcher import Matcher
from edgeward.types import ALWAYS_MATCHED, Entry, Fingerprint, HashList, ListKind, Mode, Signal, View

chance = random.Random(12)


def seen_as(view: View, distance: int = 0, frame: int = 0) -> Signal:
    return replace(pdq(distance), view=view, frame=frame)


ASKING = {View.DIHEDRAL: HashList("a", rotations=True), View.GEOMETRY: HashList("a", geometry=True)}


@pytest.mark.parametrize("view", View)
def test_a_list_matches_the_views_that_it_asks_for(view: View) -> None:
    """Stored, shown and inner views match every list; the others match only lists that ask for them."""
    one = matcher(HashList("plain"), *(replace(asking, name=view) for view, asking in ASKING.items()))
    for name in one.lists:
        one.add_entry(Entry(name, pdq()))
    expected = set(one.lists) if view in ALWAYS_MATCHED else {view} & ASKING.keys()
    assert {match.entry.list for match in one.matches(image(SHA, seen_as(view, 9)))} == expected


def test_a_match_says_what_of_the_image_matched() -> None:
    """The nearest view decides; of equally near ones the first, so that the stored view goes before the others."""
    one = matcher(ASKING[View.DIHEDRAL])
    one.add_entry(Entry("a", pdq()))
    looks = [seen_as(View.STORED, 12), seen_as(View.DIHEDRAL, 3, 5), seen_as(View.INNER, 3, 6), seen_as(View.GEOMETRY)]
    (match,) = one.matches(image(*looks))
    assert (match.distance, match.signal.view, match.signal.frame) == (3, View.DIHEDRAL, 5)
    (match,) = one.matches(image(seen_as(View.STORED), seen_as(View.SHOWN), seen_as(View.STORED, 0, 4)))
    assert (match.signal.view, match.signal.frame) == (View.STORED, 0)


def test_views_are_those_that_any_list_asks_for() -> None:
    """`views` follows the lists: one that is off asks for nothing, a changed or deleted one acts at once."""
    one = matcher(HashList("plain"))
    assert one.views == frozenset()
    one.set_list(replace(ASKING[View.DIHEDRAL], mode=Mode.OFF))
    assert one.views == frozenset()
    one.set_list(replace(ASKING[View.DIHEDRAL], mode=Mode.MONITOR))
    one.set_list(replace(ASKING[View.GEOMETRY], name="b", kind=ListKind.ALLOW))
    assert one.views == {View.DIHEDRAL, View.GEOMETRY}
    one.set_list(HashList("a"))
    assert one.views == {View.GEOMETRY}
    one.delete_list("b")
    assert one.views == frozenset()


def test_asking_for_more_acts_at_once() -> None:
    """Rotations and geometry act on the entries that a list has, as soon as they are set."""
    one = matcher(HashList("a"))
    one.add_entry(Entry("a", pdq()))
    for view, asking in ASKING.items():
        assert not one.verdict(image(seen_as(view))).blocks
        one.set_list(asking)
        assert one.verdict(image(seen_as(view))).blocks


def test_many_values_at_once_find_what_brute_force_finds() -> None:
    """Hundreds of values of an image against lists with their own radius and views: exactly the right matches."""
    lists = [
        HashList("plain"),
        HashList("wide", radius={"pdq": 60}, rotations=True),
        HashList("all", radius={"pdq": 20}, rotations=True, geometry=True),
    ]
    one = matcher(*lists)
    base = [chance.getrandbits(256) for _ in range(300)]
    for number, value in enumerate(base):
        one.add_entry(Entry(lists[number % 3].name, Signal("pdq", f"{value:064x}", 100)))
    looks = [
        Signal(
            "pdq", f"{value ^ sum(1 << bit for bit in chance.sample(range(256), chance.randrange(70))):064x}", 100, view
        )
        for value in base[:250]
        for view in [chance.choice(list(View))]
    ]
    found = {(match.entry.list, match.entry.signal.value): match.distance for match in one.matches(image(*looks))}
    expected: dict[tuple[str, str], int] = {}
    for hash_list in lists:
        for entry in one.entries(hash_list.name).values():
            distances = [
                (int(look.value, 16) ^ int(entry.signal.value, 16)).bit_count()
                for look in looks
                if look.view in hash_list.views
            ]
            if min(distances) <= hash_list.radius.get("pdq", 31):
                expected[hash_list.name, entry.signal.value] = min(distances)
    assert found == expected
    assert len(found) > 50


async def test_an_async_verdict_is_by_the_lists_at_its_return() -> None:
    """Other tasks run while it is found, and what they change in the lists counts."""
    one = matcher(HashList("a", radius={"pdq": 60}))
    for _ in range(300):
        one.add_entry(Entry("a", Signal("pdq", f"{chance.getrandbits(256):064x}", 100)))
    seen = image(*(Signal("pdq", f"{chance.getrandbits(256):064x}", 100) for _ in range(2000)), pdq(3))

    async def add() -> None:
        one.add_entry(Entry("a", pdq()))

    assert not (await one.verdict_async(seen)).blocks
    adding = asyncio.create_task(add())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time_slicing, "SLICE_SECONDS", 0.0)
        assert (await one.verdict_async(seen)).blocks
    await adding
    assert await one.matches_async(seen) == one.matches(seen) != []


DHASH = Signal("dhash", "0f1e2d3c4b5a6978")
COMPOSITE = Signal("pdq-dhash", DHASH.value + pdq().value, 100)


@pytest.mark.parametrize(
    ("bits", "pdq_bits", "distance"), [(9, 0, 72), (0, 72, 72), (4, 40, 40), (10, 0, 0), (0, 73, 0)]
)
def test_composite_entries_match_by_both_parts(bits: int, pdq_bits: int, distance: int) -> None:
    """An image matches if both its dhash and its PDQ are near; the match has type and distance of the composite."""
    one = matcher(HashList("a"))
    one.add_entry(Entry("a", COMPOSITE))
    moved = Signal("dhash", f"{int(DHASH.value, 16) ^ ((1 << bits) - 1):016x}")
    found = one.matches(image(moved, pdq(pdq_bits)))
    assert [(match.signal.type, match.distance) for match in found] == ([("pdq-dhash", distance)] if distance else [])


@pytest.mark.parametrize("lacking", [DHASH, pdq()])
def test_composite_entries_need_both_parts(lacking: Signal) -> None:
    """An image without a PDQ, without a dhash, or with a PDQ of low quality matches no composite entry."""
    one = matcher(HashList("a"))
    one.add_entry(Entry("a", COMPOSITE))
    assert not one.matches(image(*({DHASH, pdq()} - {lacking})))
    assert not one.matches(image(DHASH, pdq(0, quality=10)))
    assert one.matches(image(DHASH, pdq(0, quality=50)))
    assert one.matches(image(COMPOSITE))


def test_composite_entries_match_the_views_that_their_list_asks_for() -> None:
    """GEOMETRY PDQs go with the dhash of the whole picture, on a list that asks for them; DIHEDRAL ones with none."""
    one = matcher(HashList("plain"), HashList("all", rotations=True, geometry=True))
    for name in one.lists:
        one.add_entry(Entry(name, COMPOSITE))
    far = pdq(200)
    for view, expected in ((View.STORED, {"plain", "all"}), (View.GEOMETRY, {"all"}), (View.DIHEDRAL, set())):
        looks = [far, DHASH, seen_as(view)]
        assert {match.entry.list for match in one.matches(image(*looks))} == expected


def test_composite_entries_are_matchable_if_images_get_both_parts() -> None:
    """Otherwise they count as not matchable."""
    for types, counted in ((("sha256", "pdq", "dhash"), {}), (("sha256", "pdq"), {("a", "pdq-dhash"): 1})):
        one = Matcher(types=types)
        one.set_list(HashList("a"))
        one.add_entry(Entry("a", COMPOSITE))
        assert one.not_matchable() == counted


def test_nothing_is_composed_for_lists_without_composite_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Composing starts with the first such entry, and stops after the last is removed."""
    asked: list[Fingerprint] = []
    monkeypatch.setattr(module, "with_composites", lambda signals: asked.append(signals) or [])
    one = matcher(HashList("a"))
    one.add_entry(Entry("a", pdq()))
    one.matches(image(DHASH, pdq()))
    assert not asked
    entry = Entry("a", COMPOSITE)
    one.add_entry(entry)
    one.matches(image(DHASH, pdq()))
    assert len(asked) == 1
    one.remove_entry("a", entry.id)
    one.matches(image(DHASH, pdq()))
    assert len(asked) == 1

"""What a change of the blocklist makes worth looking for."""

from dataclasses import replace

import pytest

from edgeward.takedown.backwards.suspects import Extent, Search, around_entry, around_list, chunks, grouped, in_parts
from edgeward.types import ALWAYS, Action, Change, Entry, HashList, Kind, Mode, Signal, View

PDQ = Signal("pdq", "0f" * 32)
PHASH = Signal("phash", "0f" * 8)
BLOCK = HashList("bad", radius={"pdq": 20})
ALLOW = HashList("fine", kind=Kind.ALLOW, radius={"pdq": 20})
WHOLE = {kind: Extent(radius) for kind, radius in (("pdq", 20), ("phash", 6), ("dhash", 4), ("pdq-dhash", 72))} | {
    kind: Extent(0) for kind in ("sha256", "sha1", "md5")
}
TURNING = replace(BLOCK, rotations=True)
TURNED = frozenset({View.TURNED})
MEASURED = ("pdq", "phash", "dhash", "pdq-dhash")


def change(op: str, hash_list: HashList | None = None, entry: Entry | None = None) -> Change:
    return Change(1, op, "me", 1.0, "", hash_list, entry)


@pytest.mark.parametrize(
    ("op", "was", "now", "radius"),
    [
        ("entry.add", None, BLOCK, 20),
        ("entry.add", None, replace(BLOCK, mode=Mode.MONITOR), None),
        ("entry.add", None, replace(BLOCK, mode=Mode.OFF), None),
        ("entry.add", None, ALLOW, None),
        ("entry.add", None, None, None),
        ("entry.remove", BLOCK, BLOCK, None),
        ("entry.remove", ALLOW, ALLOW, 64),
        ("entry.remove", ALLOW, None, 64),
        ("entry.remove", replace(ALLOW, mode=Mode.OFF), BLOCK, 64),
    ],
)
def test_entries(op: str, was: HashList | None, now: HashList | None, radius: int | None) -> None:
    """An entry of an enforced block list is looked around; one that left an allowlist as far as any radius goes."""
    found = around_entry(change(op, entry=Entry("any", PDQ)), was, now)
    views = frozenset(View) if op == "entry.remove" else ALWAYS
    assert found == (None if radius is None else Search(PDQ, radius, views))


@pytest.mark.parametrize(("now", "view"), [(TURNING, View.TURNED), (replace(BLOCK, geometry=True), View.SEARCHED)])
def test_entries_are_looked_around_in_the_views_that_their_list_asks_for(now: HashList, view: View) -> None:
    """An entry of a list that says `rotations` or `geometry` is looked for in that view too."""
    found = around_entry(change("entry.add", entry=Entry("bad", PDQ)), None, now)
    assert found == Search(PDQ, 20, ALWAYS | {view})


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        (None, BLOCK, {}),
        (BLOCK, BLOCK, {}),
        (BLOCK, replace(BLOCK, radius={"pdq": 19}), {}),
        (BLOCK, replace(BLOCK, action=Action.GONE, description="other"), {}),
        (BLOCK, replace(BLOCK, radius={"pdq": 40, "phash": 2}), {"pdq": Extent(40)}),
        (TURNING, BLOCK, {}),
        (BLOCK, TURNING, {kind: Extent(WHOLE[kind].radius, TURNED) for kind in MEASURED}),
        (
            replace(BLOCK, geometry=True),
            replace(TURNING, radius={"pdq": 40, "phash": 2}),
            {
                "pdq": Extent(40, ALWAYS | TURNED),
                "phash": Extent(2, TURNED),
                "dhash": Extent(4, TURNED),
                "pdq-dhash": Extent(72, TURNED),
            },
        ),
        (replace(ALLOW, rotations=True), ALLOW, {kind: Extent(WHOLE[kind].radius, TURNED) for kind in MEASURED}),
        (ALLOW, replace(ALLOW, rotations=True), {}),
        (BLOCK, replace(BLOCK, mode=Mode.MONITOR, radius={"pdq": 40}), {}),
        (replace(BLOCK, mode=Mode.MONITOR), BLOCK, WHOLE),
        (replace(BLOCK, mode=Mode.OFF, radius={"pdq": 60}), BLOCK, WHOLE),
        (ALLOW, replace(ALLOW, radius={"pdq": 10}), {"pdq": Extent(20)}),
        (ALLOW, replace(ALLOW, radius={"pdq": 30}), {}),
        (ALLOW, replace(ALLOW, mode=Mode.OFF), WHOLE),
        (replace(ALLOW, mode=Mode.OFF), ALLOW, {}),
    ],
)
def test_policies(was: HashList | None, now: HashList, expected: dict[str, Extent]) -> None:
    """Only a block list that reaches further or looks at more, and an allowlist of which the opposite is true, make
    anything listed; what was reached already is not looked for again."""
    assert around_list(change("list.set", now), was) == expected


@pytest.mark.parametrize(("gone", "expected"), [(BLOCK, {}), (ALLOW, WHOLE), (replace(ALLOW, mode=Mode.MONITOR), {})])
def test_deleted_lists(gone: HashList, expected: dict[str, Extent]) -> None:
    """What a deleted allowlist protected is looked for."""
    assert around_list(change("list.delete", gone), None) == expected


def test_chunks_can_be_gone_on_with() -> None:
    """Every id is in one chunk; who knows the name of the last chunk done finds the rest by it."""
    ids = [f"{number * 7919 % 4096:03x}{number:05x}" for number in range(5000)]
    made = list(chunks(ids, 700))
    assert sorted(each for _, chunk in made for each in chunk) == sorted(ids)
    assert all(700 <= len(chunk) < 800 for _, chunk in made[:-1])
    name = made[3][0]
    rest = {each for each in ids if each[:3] > name}
    assert rest == {each for _, chunk in made[4:] for each in chunk}
    assert list(chunks([], 10)) == []


def test_one_pass_is_of_one_kind() -> None:
    """Searches that differ in type, length, radius or views are made apart."""
    searches = [Search(PDQ, 31), Search(PHASH, 6), Search(PDQ, 30), Search(PDQ, 31), Search(PHASH, 6)]
    searches += [Search(PDQ, 31, TURNED), Search(PDQ, 31, TURNED | ALWAYS), Search(PDQ, 31, ALWAYS)]
    assert sorted(grouped(dict(enumerate(searches)))) == [[0, 3, 7], [1, 4], [2], [5], [6]]


@pytest.mark.parametrize(("radius", "bits"), [(72, 9), (71, 8), (7, 0), (0, 0)])
def test_joint_values_are_looked_for_by_their_dhash(radius: int, bits: int) -> None:
    """No image seen has one; whatever view its PDQ is of, its dhash is among those that are always made."""
    joint = Signal("pdq-dhash", "0f1e2d3c4b5a6978" + PDQ.value, 90)
    expected = Search(Signal("dhash", "0f1e2d3c4b5a6978"), bits)
    for views in (ALWAYS, TURNED, frozenset(View)):
        assert in_parts(Search(joint, radius, views)) == expected
        assert in_parts(Search(PDQ, radius, views)) == Search(PDQ, radius, views)

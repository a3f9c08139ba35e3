"""Which images a change of the lists may have made listed."""

from dataclasses import replace

import pytest

from edgeward.retromatch.search_scope import (
    Search,
    SearchExtent,
    entry_search,
    indexed_search,
    policy_extents,
    prefix_chunks,
    search_groups,
)
from edgeward.types import ALWAYS_MATCHED, Action, Change, Entry, HashList, ListKind, Mode, Signal, View

PDQ = Signal("pdq", "0f" * 32)
PHASH = Signal("phash", "0f" * 8)
BLOCK = HashList("bad", radius={"pdq": 20})
ALLOW = HashList("fine", kind=ListKind.ALLOW, radius={"pdq": 20})
FULL = {kind: SearchExtent(radius) for kind, radius in (("pdq", 20), ("phash", 6), ("dhash", 4), ("pdq-dhash", 72))} | {
    kind: SearchExtent(0) for kind in ("sha256", "sha1", "md5")
}
TURNING = replace(BLOCK, rotations=True)
TURNED = frozenset({View.DIHEDRAL})
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
    """A new entry of an enforced block list is searched for; one that left an allowlist with the largest radius."""
    found = entry_search(change(op, entry=Entry("any", PDQ)), was, now)
    views = frozenset(View) if op == "entry.remove" else ALWAYS_MATCHED
    assert found == (None if radius is None else Search(PDQ, radius, views))


@pytest.mark.parametrize(("now", "view"), [(TURNING, View.DIHEDRAL), (replace(BLOCK, geometry=True), View.GEOMETRY)])
def test_entries_are_searched_for_in_the_views_of_their_list(now: HashList, view: View) -> None:
    """An entry of a list with `rotations` or `geometry` is searched for in that view too."""
    found = entry_search(change("entry.add", entry=Entry("bad", PDQ)), None, now)
    assert found == Search(PDQ, 20, ALWAYS_MATCHED | {view})


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        (None, BLOCK, {}),
        (BLOCK, BLOCK, {}),
        (BLOCK, replace(BLOCK, radius={"pdq": 19}), {}),
        (BLOCK, replace(BLOCK, action=Action.GONE, description="other"), {}),
        (BLOCK, replace(BLOCK, radius={"pdq": 40, "phash": 2}), {"pdq": SearchExtent(40)}),
        (TURNING, BLOCK, {}),
        (BLOCK, TURNING, {kind: SearchExtent(FULL[kind].radius, TURNED) for kind in MEASURED}),
        (
            replace(BLOCK, geometry=True),
            replace(TURNING, radius={"pdq": 40, "phash": 2}),
            {
                "pdq": SearchExtent(40, ALWAYS_MATCHED | TURNED),
                "phash": SearchExtent(2, TURNED),
                "dhash": SearchExtent(4, TURNED),
                "pdq-dhash": SearchExtent(72, TURNED),
            },
        ),
        (replace(ALLOW, rotations=True), ALLOW, {kind: SearchExtent(FULL[kind].radius, TURNED) for kind in MEASURED}),
        (ALLOW, replace(ALLOW, rotations=True), {}),
        (BLOCK, replace(BLOCK, mode=Mode.MONITOR, radius={"pdq": 40}), {}),
        (replace(BLOCK, mode=Mode.MONITOR), BLOCK, FULL),
        (replace(BLOCK, mode=Mode.OFF, radius={"pdq": 60}), BLOCK, FULL),
        (ALLOW, replace(ALLOW, radius={"pdq": 10}), {"pdq": SearchExtent(20)}),
        (ALLOW, replace(ALLOW, radius={"pdq": 30}), {}),
        (ALLOW, replace(ALLOW, mode=Mode.OFF), FULL),
        (replace(ALLOW, mode=Mode.OFF), ALLOW, {}),
    ],
)
def test_policies(was: HashList | None, now: HashList, expected: dict[str, SearchExtent]) -> None:
    """Only a block list that gets a greater radius or more views, or an allowlist that loses them, makes images listed;
    what matched already is not searched for again."""
    assert policy_extents(change("list.set", now), was) == expected


@pytest.mark.parametrize(("gone", "expected"), [(BLOCK, {}), (ALLOW, FULL), (replace(ALLOW, mode=Mode.MONITOR), {})])
def test_deleted_lists(gone: HashList, expected: dict[str, SearchExtent]) -> None:
    """A search finds what a deleted allowlist protected."""
    assert policy_extents(change("list.delete", gone), None) == expected


def test_work_can_continue_after_a_chunk() -> None:
    """Every id is in one chunk; the name of the last finished chunk tells which ids are left."""
    ids = [f"{number * 7919 % 4096:03x}{number:05x}" for number in range(5000)]
    made = list(prefix_chunks(ids, 700))
    assert sorted(each for _, chunk in made for each in chunk) == sorted(ids)
    assert all(700 <= len(chunk) < 800 for _, chunk in made[:-1])
    name = made[3][0]
    rest = {each for each in ids if each[:3] > name}
    assert rest == {each for _, chunk in made[4:] for each in chunk}
    assert list(prefix_chunks([], 10)) == []


def test_one_pass_searches_alike() -> None:
    """Searches that differ in type, length, radius or views are made in separate passes."""
    searches = [Search(PDQ, 31), Search(PHASH, 6), Search(PDQ, 30), Search(PDQ, 31), Search(PHASH, 6)]
    searches += [Search(PDQ, 31, TURNED), Search(PDQ, 31, TURNED | ALWAYS_MATCHED), Search(PDQ, 31, ALWAYS_MATCHED)]
    assert sorted(search_groups(dict(enumerate(searches)))) == [[0, 3, 7], [1, 4], [2], [5], [6]]


@pytest.mark.parametrize(("radius", "bits"), [(72, 9), (71, 8), (7, 0), (0, 0)])
def test_composite_values_are_searched_by_their_dhash(radius: int, bits: int) -> None:
    """Images have no composite values, but always a dhash, whatever view their PDQ is of."""
    composite = Signal("pdq-dhash", "0f1e2d3c4b5a6978" + PDQ.value, 90)
    expected = Search(Signal("dhash", "0f1e2d3c4b5a6978"), bits)
    for views in (ALWAYS_MATCHED, TURNED, frozenset(View)):
        assert indexed_search(Search(composite, radius, views)) == expected
        assert indexed_search(Search(PDQ, radius, views)) == Search(PDQ, radius, views)


def test_limits() -> None:
    """A blocklist that acts at more targets, or on lower qualities, and an allowlist that acts at fewer, are searched
    for all that they match. The opposite makes nothing listed."""
    limited = {"hosts": ("a.test",), "paths": ("/x/",), "share": 10.0, "min_quality": 80}
    for name, value in limited.items():
        for of_list, smaller_lists_more in ((BLOCK, False), (ALLOW, True)):
            smaller = replace(of_list, **{name: value})
            lists_more, lists_less = (smaller, of_list) if smaller_lists_more else (of_list, smaller)
            assert policy_extents(change("list.set", lists_more), lists_less) == FULL, name
            assert policy_extents(change("list.set", lists_less), lists_more) == {}, name
            quiet = replace(lists_more, mode=Mode.MONITOR)
            assert policy_extents(change("list.set", quiet), replace(lists_less, mode=Mode.MONITOR)) == {}

"""Installed signal types, matched and retromatched by their own distance."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.stand_in import in_this_process, install

from edgeward.matching.matcher import Matcher, is_near
from edgeward.retromatch.search_scope import Search, entry_search, policy_extents
from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.sightings.codec import pack_fingerprint
from edgeward.types import Change, Entry, Fingerprint, HashList, ListKind, Mode, Reason, Signal, View

TYPES = ("sha256", "photodna")
LISTED = Entry("a", Signal("photodna", "80" * 144))


@pytest.fixture
def photodna(tmp_path: Path) -> Iterator[None]:
    with in_this_process(install(tmp_path)):
        yield


def at(distance: int) -> Signal:
    """A value at this distance from LISTED: up to 127 in each of its bytes."""
    full, rest = divmod(distance, 127)
    return Signal("photodna", (bytes([255] * full + [128 + rest]) + bytes([128] * 143))[:144].hex())


def image(*signals: Signal) -> Fingerprint:
    return Fingerprint("ab" * 32, "image/jpeg", 1000, signals)


def name(number: int) -> str:
    """A SHA-256 for an image."""
    return f"{number:032x}{0:032x}"


def matcher(hash_list: HashList, types: tuple[str, ...] = TYPES) -> Matcher:
    one = Matcher(types=types)
    one.set_list(hash_list)
    one.add_entry(LISTED)
    return one


@pytest.mark.usefixtures("photodna")
def test_matches_within_the_radius_of_the_type_or_the_list() -> None:
    """Within 600, unless the list has its own radius; and by the type's distance, not by differing bits."""
    wide, tight = HashList("a"), HashList("a", radius={"photodna": 126})
    near = [matcher(wide).verdict(image(at(distance))) for distance in (0, 600, 601)]
    assert [verdict.match and verdict.match.distance for verdict in near] == [0, 600, None]
    assert matcher(tight).verdict(image(at(126))).blocks
    assert not matcher(tight).verdict(image(at(127))).blocks
    assert is_near(LISTED.signal, at(600), 600)
    assert not is_near(LISTED.signal, at(601), 600)


@pytest.mark.usefixtures("photodna")
def test_a_removed_entry_matches_no_more() -> None:
    """As with any other type. An entry listed with another length never matches."""
    one = matcher(HashList("a"))
    one.remove_entry("a", LISTED.id)
    one.add_entry(Entry("a", Signal("photodna", "80" * 8)))
    assert one.verdict(image(at(0))).reason is Reason.NO_MATCH


def test_without_the_type_entries_wait() -> None:
    """They are stored and counted, and match nothing, not even at a distance of 1; other types match as before."""
    one = matcher(HashList("a"), ("sha256", "pdq"))
    one.add_entry(Entry("a", Signal("md5", "ab" * 16)))
    one.add_entry(Entry("a", Signal("sha256", "ab" * 32)))
    assert one.not_matchable() == {("a", "photodna"): 1, ("a", "md5"): 1}
    assert one.counts()["a", "photodna"] == 1
    assert one.entries("a")[LISTED.id] == LISTED
    assert not one.verdict(image(at(1))).blocks
    assert one.verdict(image(Signal("sha256", "ab" * 32))).blocks
    one.remove_entry("a", LISTED.id)
    assert one.not_matchable()["a", "photodna"] == 0


@pytest.mark.usefixtures("photodna")
def test_images_seen_are_found_by_its_distance() -> None:
    """Of the images seen, in any order, exactly those within the radius are found."""
    index = SeenImageIndex()
    places = (0, 599, 600, 601, 5000)
    shown = replace(at(300), view=View.SHOWN)
    images = [replace(image(at(place)), sha256=name(place)) for place in places]
    images.append(replace(image(shown), sha256=name(300)))
    index.add([pack_fingerprint(each) for each in images])
    found = {image_id for _, image_id in index.near_each([LISTED.signal], 600)}
    assert found == {name(place)[:32] for place in (0, 599, 600, 300)}
    assert index.comparisons(LISTED.signal) == 6


@pytest.mark.usefixtures("photodna")
def test_changes_are_retromatched_within_the_radius_of_the_type() -> None:
    """A new entry by its list's radius, one removed from an allowlist by the greatest radius, a policy change by the
    type's default."""
    block, allow = HashList("a"), HashList("a", kind=ListKind.ALLOW)
    added, removed = (Change(1, op, "me", 1.0, "", entry=LISTED) for op in ("entry.add", "entry.remove"))
    assert entry_search(added, None, block) == Search(LISTED.signal, 600, block.views)
    assert entry_search(removed, allow, allow) == Search(LISTED.signal, 3000, frozenset(View))
    enforced = policy_extents(Change(1, "list.set", "me", 1.0, "", list=block), replace(block, mode=Mode.MONITOR))
    assert enforced["photodna"].radius == 600
    grown = replace(block, radius={"photodna": 700})
    assert {*policy_extents(Change(1, "list.set", "me", 1.0, "", list=grown), block)} == {"photodna"}

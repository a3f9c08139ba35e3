"""What a match means: precedence, radii, modes, quality, frames."""

import random
from dataclasses import replace

import pytest
from tests.matching.examples import SHA, image, matcher, pdq

from edgeward.errors import BadSignal
from edgeward.matching.matcher import Matcher, is_near
from edgeward.types import (
    Action,
    Change,
    Decision,
    Entry,
    Flaw,
    HashList,
    ListKind,
    Mode,
    Reason,
    Signal,
)

chance = random.Random(12)


def test_nothing_listed() -> None:
    """An image that no list has is delivered, with reason NO_MATCH."""
    verdict = matcher(HashList("a")).verdict(image(SHA, pdq()))
    assert (verdict.decision, verdict.reason, verdict.match) == (Decision.DELIVER, Reason.NO_MATCH, None)


@pytest.mark.parametrize("action", Action)
def test_a_match_blocks_with_its_lists_action(action: Action) -> None:
    """A match of an enforced block list blocks; the verdict has entry, distance, action and version."""
    one = matcher(HashList("a", action=action))
    entry = Entry("a", pdq(), "reason", "me", 5.0)
    one.apply(Change(7, "entry.add", "me", 5.0, "", entry=entry))
    verdict = one.verdict(image(SHA, pdq(9)))
    assert verdict.blocks
    assert (verdict.reason, verdict.action, verdict.version) == (Reason.MATCH, action, 7)
    assert verdict.match
    assert (verdict.match.entry, verdict.match.signal, verdict.match.distance) == (entry, pdq(9), 9)


@pytest.mark.parametrize(
    ("signal_type", "bits", "radius"),
    [("pdq", 256, 31), ("phash", 64, 6), ("dhash", 64, 4), ("sha256", 256, 0), ("md5", 128, 0)],
)
def test_the_default_radius(signal_type: str, bits: int, radius: int) -> None:
    """Each type matches up to its radius and not one bit further; digests only exactly."""
    one = matcher(HashList("a"))
    value = chance.getrandbits(bits)
    one.add_entry(Entry("a", Signal(signal_type, f"{value:0{bits // 4}x}")))
    for distance, blocks in ((radius, True), (radius + 1, False)):
        shifted = Signal(signal_type, f"{value ^ ((1 << distance) - 1):0{bits // 4}x}")
        assert one.verdict(image(shifted)).blocks is blocks


def test_each_list_has_its_own_radius() -> None:
    """A wide list does not widen the others, and a list may match exactly only."""
    one = matcher(HashList("wide", radius={"pdq": 60}), HashList("exact", radius={"pdq": 0}), HashList("default"))
    for name in one.lists:
        one.add_entry(Entry(name, pdq()))
    found = {distance: {m.entry.list for m in one.matches(image(pdq(distance)))} for distance in (0, 20, 40, 61)}
    assert found == {0: {"wide", "exact", "default"}, 20: {"wide", "default"}, 40: {"wide"}, 61: set()}


def test_a_changed_policy_acts_at_once() -> None:
    """Radius, mode, kind and action of a list act as soon as they are set, on the entries it has."""
    one = matcher(HashList("a"))
    one.add_entry(Entry("a", pdq()))
    assert not one.verdict(image(pdq(40))).blocks
    one.set_list(HashList("a", radius={"pdq": 40}))
    assert one.verdict(image(pdq(40))).blocks
    one.set_list(HashList("a", radius={"pdq": 39}))
    assert not one.verdict(image(pdq(40))).blocks
    one.set_list(HashList("a", mode=Mode.MONITOR))
    assert one.verdict(image(pdq())).reason is Reason.MONITORED
    one.set_list(HashList("a", kind=ListKind.ALLOW))
    assert one.verdict(image(pdq())).reason is Reason.ALLOWLISTED
    one.set_list(HashList("a", mode=Mode.OFF))
    one.set_list(HashList("other"))
    assert one.verdict(image(pdq())).reason is Reason.NO_MATCH
    assert one.matches(image(pdq())) == []
    one.set_list(HashList("a", action=Action.GONE))
    assert one.verdict(image(pdq())).action is Action.GONE


def test_an_allowlist_wins() -> None:
    """A match of an allowlist within its radius wins over any block, even a nearer one."""
    one = matcher(HashList("block"), HashList("allow", kind=ListKind.ALLOW, radius={"pdq": 10}))
    one.add_entry(Entry("block", SHA))
    one.add_entry(Entry("allow", pdq()))
    verdict = one.verdict(image(SHA, pdq(10)))
    assert (verdict.decision, verdict.reason, verdict.action) == (Decision.DELIVER, Reason.ALLOWLISTED, None)
    assert verdict.match
    assert verdict.match.entry.list == "allow"
    assert one.verdict(image(SHA, pdq(11))).blocks


@pytest.mark.parametrize("mode", [Mode.MONITOR, Mode.OFF])
def test_an_allowlist_that_is_not_enforced_allows_nothing(mode: Mode) -> None:
    """Only an enforced allowlist wins; in another mode it changes nothing."""
    one = matcher(HashList("block"), HashList("allow", kind=ListKind.ALLOW, mode=mode))
    one.add_entry(Entry("allow", SHA))
    assert one.verdict(image(SHA)).reason is Reason.NO_MATCH
    one.add_entry(Entry("block", SHA))
    assert one.verdict(image(SHA)).blocks


def test_enforced_before_monitored() -> None:
    """A farther match of an enforced list wins over a nearer one of a monitored list, which by itself delivers."""
    one = matcher(HashList("soft", mode=Mode.MONITOR), HashList("hard"))
    one.add_entry(Entry("soft", SHA))
    monitored = one.verdict(image(SHA, pdq(20)))
    assert (monitored.decision, monitored.reason) == (Decision.DELIVER, Reason.MONITORED)
    assert monitored.match
    one.add_entry(Entry("hard", pdq()))
    verdict = one.verdict(image(SHA, pdq(20)))
    assert verdict.blocks
    assert verdict.match
    assert verdict.match.entry.list == "hard"


def test_nearest_first_digests_before_all() -> None:
    """Digests come first, then the nearest; ties are ordered by list, whatever order entries were added in."""
    entries = [Entry("b", pdq(3)), Entry("a", pdq(3)), Entry("b", pdq()), Entry("z", SHA)]
    for _ in range(5):
        chance.shuffle(entries)
        one = matcher(*(HashList(name) for name in "abz"))
        for entry in entries:
            one.add_entry(entry)
        found = [(m.entry.list, m.distance) for m in one.matches(image(pdq(), SHA))]
        assert found == [("z", 0), ("b", 0), ("a", 3), ("b", 3)]


def test_the_same_signal_on_many_lists() -> None:
    """A signal that is on several lists is found on all, and stays on the others when one loses it."""
    one = matcher(*(HashList(name) for name in "abc"))
    for name in "abc":
        for signal in (SHA, pdq()):
            one.add_entry(Entry(name, signal))
    assert len(one.matches(image(SHA, pdq()))) == 6
    for signal in (SHA, pdq()):
        one.remove_entry("b", Entry("b", signal).id)
    assert [m.entry.list for m in one.matches(image(SHA, pdq()))] == ["a", "c", "a", "c"]


@pytest.mark.parametrize(
    ("listed", "seen", "blocks"),
    [
        (100, 100, True),
        (None, None, True),
        (50, 50, True),
        (49, 100, False),
        (100, 49, False),
        (None, 49, False),
        (0, None, False),
    ],
)
def test_pdq_of_low_quality_matches_nothing(listed: int | None, seen: int | None, blocks: bool) -> None:
    """A PDQ matches only if its quality is at least 50, or unknown, on both sides."""
    one = matcher(HashList("a"))
    one.add_entry(Entry("a", pdq(quality=listed)))
    assert one.verdict(image(pdq(quality=seen))).blocks is blocks


def test_the_minimum_quality_is_a_setting() -> None:
    """An operator can set another minimum, which applies to listed and seen PDQs alike."""
    for least, blocks in ((30, True), (31, False)):
        one = Matcher(min_quality=least)
        one.set_list(HashList("a"))
        one.add_entry(Entry("a", pdq(quality=30)))
        assert one.verdict(image(pdq(quality=90))).blocks is blocks
        assert is_near(pdq(quality=30), pdq(quality=90), 0, least) is blocks


def test_any_frame_counts() -> None:
    """One frame of an animation is enough; an entry that several match is one match, at its nearest."""
    one = matcher(HashList("a"))
    one.add_entry(Entry("a", pdq()))
    other = Signal("pdq", f"{chance.getrandbits(256):064x}", 100)
    matches = one.matches(image(other, pdq(12), pdq(4), pdq(12)))
    assert [m.distance for m in matches] == [4]


def test_digests_of_a_flawed_image_match() -> None:
    """An image that could not be decoded is still blocked by its digest."""
    one = matcher(HashList("a"))
    one.add_entry(Entry("a", SHA))
    assert one.verdict(image(SHA, flaw=Flaw.UNDECODABLE)).reason is Reason.MATCH


def test_a_type_does_not_match_another() -> None:
    """SHA-256 and PDQ look alike, and so do phash and dhash: only the same type matches."""
    one = matcher(HashList("a"))
    one.add_entry(Entry("a", Signal("pdq", SHA.value)))
    one.add_entry(Entry("a", Signal("phash", "ab" * 8)))
    assert not one.verdict(image(SHA, Signal("dhash", "ab" * 8))).blocks


def test_removal_and_deletion_act_at_once() -> None:
    """A removed entry no longer matches; a deleted list takes all its entries with it."""
    one = matcher(HashList("a"), HashList("b"))
    for name in "ab":
        for signal in (SHA, pdq()):
            one.add_entry(Entry(name, signal))
    assert one.counts() == {("a", "sha256"): 1, ("a", "pdq"): 1, ("b", "sha256"): 1, ("b", "pdq"): 1}
    one.delete_list("a")
    assert {m.entry.list for m in one.matches(image(SHA, pdq()))} == {"b"}
    one.remove_entry("b", Entry("b", SHA).id)
    one.remove_entry("b", Entry("b", SHA).id)
    assert [m.signal.type for m in one.matches(image(SHA, pdq()))] == ["pdq"]
    assert one.counts() == {("a", "sha256"): 0, ("a", "pdq"): 0, ("b", "sha256"): 0, ("b", "pdq"): 1}
    one.set_list(HashList("a"))
    assert not one.entries("a")


def test_entries_are_found_by_id() -> None:
    """`find` and `entries` give what is listed, and nothing else."""
    one = matcher(HashList("a"))
    entry = Entry("a", SHA)
    one.add_entry(entry)
    assert one.find(entry.id) == entry
    assert one.entries("a") == {entry.id: entry}
    assert one.find("0" * 20) is None
    assert one.entries("none") == {}


def test_changes_are_idempotent() -> None:
    """Each change made twice leaves what it left when made once, and sets the version."""
    entry = Entry("a", SHA)
    changes = [
        Change(1, "list.set", "me", 1.0, "", list=HashList("a")),
        Change(2, "entry.add", "me", 2.0, "", entry=entry),
        Change(3, "list.set", "me", 3.0, "", list=HashList("a", action=Action.GONE)),
        Change(4, "entry.remove", "me", 4.0, "", entry=entry),
        Change(5, "list.delete", "me", 5.0, "", list=HashList("a")),
    ]
    once, twice = Matcher(), Matcher()
    for change in changes:
        once.apply(change)
        twice.apply(change)
        twice.apply(change)
        assert once.version == twice.version == change.version
        assert once.lists == twice.lists
        assert once.entries("a") == twice.entries("a")
        assert once.counts() == twice.counts()
        assert once.verdict(image(SHA)) == twice.verdict(image(SHA))


def test_the_change_count_grows_with_every_change() -> None:
    """Whatever can change a verdict raises the change count."""
    one = Matcher()
    entry = Entry("a", SHA)
    steps = [
        lambda: one.set_list(HashList("a")),
        lambda: one.add_entry(entry),
        lambda: one.remove_entry("a", entry.id),
        lambda: one.delete_list("a"),
    ]
    for step in steps:
        before = one.change_count
        step()
        assert one.change_count > before


def test_malformed_entries_are_refused() -> None:
    """A perceptual value that is not hexadecimal is an error, and leaves nothing behind."""
    one = matcher(HashList("a"))
    bad = Entry("a", Signal("pdq", "x" * 64))
    with pytest.raises(BadSignal, match=bad.id):
        one.add_entry(bad)
    assert not one.entries("a")
    assert not one.counts()
    one.add_entry(replace(bad, signal=pdq()))
    assert one.verdict(image(pdq())).blocks


def test_an_entry_may_be_set_to_monitor() -> None:
    """Alone: others of its list go on blocking. On a list that is off, and on an allowlist, it does what its list
    says."""
    one = matcher(HashList("a"), HashList("b"), HashList("fine", ListKind.ALLOW))
    one.add_entry(Entry("a", pdq(), mode=Mode.MONITOR))
    verdict = one.verdict(image(SHA, pdq()))
    assert (verdict.decision, verdict.reason) == (Decision.DELIVER, Reason.MONITORED)
    one.add_entry(Entry("b", pdq(), mode=Mode.ENFORCE))
    assert one.verdict(image(SHA, pdq())).blocks
    one.set_list(HashList("b", mode=Mode.MONITOR))
    assert one.verdict(image(SHA, pdq())).reason is Reason.MONITORED
    one.set_list(HashList("a", mode=Mode.OFF))
    one.set_list(HashList("b", mode=Mode.OFF))
    assert one.verdict(image(SHA, pdq())).reason is Reason.NO_MATCH
    one.add_entry(Entry("fine", pdq(), mode=Mode.MONITOR))
    assert one.verdict(image(SHA, pdq())).reason is Reason.ALLOWLISTED


async def test_some_lists_can_be_matched_by_other_policies() -> None:
    """By those alone, in whatever mode they are."""
    one = matcher(HashList("a", mode=Mode.OFF, radius={"pdq": 4}), HashList("b"))
    for name in ("a", "b"):
        one.add_entry(Entry(name, pdq()))
    policies = {"a": HashList("a", radius={"pdq": 9}), "gone": HashList("gone")}
    assert [each.entry.list for each in await one.matches_among(image(SHA, pdq(9)), policies)] == ["a"]
    assert await one.matches_among(image(SHA, pdq(10)), policies) == []

"""The words of the field survive their way through JSON."""

import json

from edgeward.types import (
    ALWAYS,
    Entry,
    Fingerprint,
    Flaw,
    HashList,
    Kind,
    Mode,
    Signal,
    View,
    entry_id,
)

PDQ = Signal("pdq", "ab" * 32, 99)
INNER = Signal("pdq", "cd" * 32, 98, View.INNER, 3)


def test_round_trips() -> None:
    """What was written is read back equal."""
    fingerprint = Fingerprint("00" * 32, "image/png", 7, (PDQ, Signal("md5", "11" * 16), INNER), 3, 4, Flaw.TIMEOUT)
    entry = Entry("staff", PDQ, "why", "who", 1.5)
    hash_list = HashList(
        "staff", Kind.ALLOW, Mode.MONITOR, radius={"pdq": 10}, description="x", rotations=True, geometry=True
    )
    assert Fingerprint.from_json(fingerprint.to_json()) == fingerprint
    assert Entry.from_json(entry.to_json()) == entry
    assert HashList.from_json(hash_list.to_json()) == hash_list


def test_the_same_signal_on_a_list_is_one_entry() -> None:
    """The id depends on list, type and value alone."""
    assert Entry("a", PDQ, "x", "y", 1).id == Entry("a", Signal("pdq", PDQ.value)).id == entry_id("a", PDQ)
    assert entry_id("a", PDQ) != entry_id("b", PDQ)
    assert entry_id("a", PDQ) != entry_id("a", Signal("sha256", PDQ.value))


def test_what_was_written_before_there_were_views() -> None:
    """Signals and lists without views, as older versions wrote them, are read."""
    assert Signal.from_dict({"type": "pdq", "value": PDQ.value, "quality": 99}) == PDQ
    assert PDQ.to_dict() == {"type": "pdq", "value": PDQ.value, "quality": 99}
    old = {"name": "a", "kind": "block", "mode": "enforce", "action": "451", "radius": {}, "description": ""}
    assert HashList.from_json(json.dumps(old)) == HashList("a")


def test_views_of_a_list() -> None:
    """Turned and searched views match only where the list says so; the others always."""
    assert HashList("a").views == ALWAYS
    assert HashList("a", rotations=True).views == ALWAYS | {View.TURNED}
    assert HashList("a", geometry=True).views == ALWAYS | {View.SEARCHED}

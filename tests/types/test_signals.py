"""Fingerprints, entries and lists in JSON, ids of entries, and views of lists."""

import json
from dataclasses import replace

from edgeward.types import (
    ALWAYS_MATCHED,
    Entry,
    Fingerprint,
    Flaw,
    HashList,
    ListKind,
    Mode,
    Signal,
    View,
    entry_id,
)

PDQ = Signal("pdq", "ab" * 32, 99)
INNER = Signal("pdq", "cd" * 32, 98, View.INNER, 3)


def test_round_trips() -> None:
    """Fingerprints, entries and lists are read from JSON as they were written."""
    fingerprint = Fingerprint("00" * 32, "image/png", 7, (PDQ, Signal("md5", "11" * 16), INNER), 3, 4, Flaw.TIMEOUT)
    entry = Entry("staff", PDQ, "why", "who", 1.5)
    hash_list = HashList(
        "staff", ListKind.ALLOW, Mode.MONITOR, radius={"pdq": 10}, description="x", rotations=True, geometry=True
    )
    assert Fingerprint.from_json(fingerprint.to_json()) == fingerprint
    assert Entry.from_json(entry.to_json()) == entry
    assert HashList.from_json(hash_list.to_json()) == hash_list


def test_entries_of_other_versions_are_read() -> None:
    """An entry without an act has none; keys that a later version adds are ignored."""
    old, new = (Entry("staff", PDQ, "why", "who", 1.5, act) for act in ("", "act-1"))
    stored = json.loads(new.to_json())
    assert Entry.from_json(new.to_json()) == Entry.from_json(json.dumps({**stored, "more": 1})) == new
    # Earlier versions read these keys and no others; of the signal they ignore what they do not know.
    assert list(stored) == ["list", "signal", "reason", "added_by", "added_at"]
    del stored["signal"]["act"]
    assert stored == json.loads(old.to_json())
    assert Entry.from_json(old.to_json()) == old


def test_the_same_signal_on_a_list_is_one_entry() -> None:
    """An entry's id depends only on list, type and value."""
    assert Entry("a", PDQ, "x", "y", 1).id == Entry("a", Signal("pdq", PDQ.value)).id == entry_id("a", PDQ)
    assert entry_id("a", PDQ) != entry_id("b", PDQ)
    assert entry_id("a", PDQ) != entry_id("a", Signal("sha256", PDQ.value))


def test_reads_the_format_without_views() -> None:
    """Signals and lists that older releases wrote without views can be read."""
    assert Signal.from_dict({"type": "pdq", "value": PDQ.value, "quality": 99}) == PDQ
    assert PDQ.to_dict() == {"type": "pdq", "value": PDQ.value, "quality": 99}
    old = {"name": "a", "kind": "block", "mode": "enforce", "action": "451", "radius": {}, "description": ""}
    assert HashList.from_json(json.dumps(old)) == HashList("a")


def test_views_of_a_list() -> None:
    """The views DIHEDRAL and GEOMETRY match only on lists that ask for them; the others always do."""
    assert HashList("a").views == ALWAYS_MATCHED
    assert HashList("a", rotations=True).views == ALWAYS_MATCHED | {View.DIHEDRAL}
    assert HashList("a", geometry=True).views == ALWAYS_MATCHED | {View.GEOMETRY}


def test_a_list_without_limits_is_stored_as_before() -> None:
    """Earlier releases read it. One that they would let act where it does not is left to this one; so is its quality,
    but not its end, at which a controller turns it off for all."""
    plain = HashList("a", expires_at=9.5)
    assert json.loads(plain.to_json()).keys() - json.loads(HashList("a").to_json()).keys() == {"expires_at"}
    for values in ({"hosts": ("a.test",)}, {"paths": ("/x/",)}, {"share": 50.0}, {"min_quality": 80}):
        limited = replace(plain, **values)
        stored = json.loads(limited.to_json())
        assert stored["needs"] == 3
        assert HashList.from_json(limited.to_json()) == limited
        # Lifted, it is as before: no release needs to know more.
        lifted = HashList.from_json(limited.to_json()).changed(hosts=(), paths=(), share=100.0, min_quality=0)
        assert lifted.to_json() == plain.to_json()
    assert not plain.is_limited
    assert not replace(plain, min_quality=80).is_limited


def test_an_entry_has_its_own_mode() -> None:
    """Only where it is set; one that only a later release knows blocks, as the list says."""
    entry = Entry("a", Signal("md5", "0" * 32), mode=Mode.MONITOR)
    assert Entry.from_json(entry.to_json()) == entry
    assert "mode" not in Entry("a", Signal("md5", "0" * 32)).to_json()
    assert Entry.from_json(entry.to_json().replace('"monitor"', '"whim"')).mode is Mode.ENFORCE


def test_a_list_may_protect() -> None:
    """Only where that is set: an earlier release reads the others as it wrote them."""
    protecting = HashList("a", ListKind.ALLOW, protect=True)
    assert HashList.from_json(protecting.to_json()) == protecting
    assert "protect" not in HashList("a", ListKind.ALLOW).to_json()

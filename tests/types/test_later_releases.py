"""Records as a later release would write them: what this one does not know is passed over and kept."""

import json

import pytest

from edgeward.errors import LaterRelease
from edgeward.types import Action, Entry, Fingerprint, Flaw, HashList, ListKind, Mode, Signal, View
from edgeward.types.later_releases import check_version, known_or, unknown_fields, with_unknown, without_fields

ENTRY = Entry("a", Signal("sha256", "ab" * 32), "why", "ann", 1764500000.123456, "act-1")


def later(record: str, **more: object) -> str:
    """A record with more fields."""
    return json.dumps(json.loads(record) | more, separators=(",", ":"))


def test_records_of_today_have_no_more_fields() -> None:
    """A record without a version is of version 1, and is written so: nothing is added to it."""
    assert json.loads(ENTRY.to_json()).keys() == {"list", "signal", "reason", "added_by", "added_at"}
    assert "unknown" not in HashList("a").to_json()
    assert HashList.from_json(HashList("a", radius={"pdq": 5}).to_json()) == HashList("a", radius={"pdq": 5})
    assert (Entry.from_json(ENTRY.to_json()), Entry.from_json(ENTRY.to_json()).unknown) == (ENTRY, "")


def test_unknown_fields_of_an_entry_are_kept() -> None:
    """Of the entry and of its signal, numbers to the last digit, and a view that is not known."""
    signal = json.loads(ENTRY.to_json())["signal"] | {"view": "mirrored", "model": [1, {"x": None}]}
    text = later(ENTRY.to_json(), signal=signal, expires=1764500000.1234567, region=["eu"], needs=1)
    read = Entry.from_json(text)
    assert (read, read.signal.view, read.act) == (ENTRY, View.STORED, "act-1")
    assert json.loads(read.to_json()) == json.loads(text)


def test_unknown_fields_of_a_list_are_kept_when_its_policy_changes() -> None:
    """A change of one value leaves what a later release wrote; a change of that value replaces it."""
    text = later(HashList("a", description="d").to_json(), quota=9, mode="shadow")
    read = HashList.from_json(text)
    assert (read.mode, dict(read.substituted)) == (Mode.ENFORCE, {"mode": "shadow"})
    changed = json.loads(read.changed(description="e").to_json())
    assert (changed["quota"], changed["mode"], changed["description"]) == (9, "shadow", "e")
    changed = json.loads(read.changed(mode=Mode.ENFORCE).to_json())
    assert (changed["quota"], changed["mode"]) == (9, "enforce")


def test_unknown_values_block_what_is_listed() -> None:
    """An unknown mode enforces a blocklist and turns an allowlist off; an unknown action is 451."""
    modes = {
        kind: HashList.from_json(later(HashList("a", kind).to_json(), mode="shadow", action="418")) for kind in ListKind
    }
    assert modes[ListKind.BLOCK].mode is Mode.ENFORCE
    assert modes[ListKind.ALLOW].mode is Mode.OFF
    assert {each.action for each in modes.values()} == {Action.UNAVAILABLE_FOR_LEGAL_REASONS}


def test_what_only_a_later_release_can_read_is_refused() -> None:
    """A record that needs a later version, and a list of an unknown kind."""
    for text in (later(HashList("a").to_json(), needs=9), later(HashList("a").to_json(), kind="watch")):
        with pytest.raises(LaterRelease, match="the list 'a'"):
            HashList.from_json(text)
    with pytest.raises(LaterRelease, match="an entry was written by a later release of Edgeward: upgrade"):
        Entry.from_json(later(ENTRY.to_json(), needs=9))
    check_version({"needs": 1}, "it")
    with pytest.raises(LaterRelease):
        check_version({"needs": "two"}, "it")


def test_a_fingerprint_of_another_release_is_read() -> None:
    """A hasher that is started during an upgrade answers with more fields and another flaw."""
    image = Fingerprint("ab" * 32, "image/png", 3, (Signal("md5", "cd" * 16),), 1, 2, Flaw.FLAT)
    assert Fingerprint.from_json(later(image.to_json(), depth=8)) == image
    assert Fingerprint.from_json(later(image.to_json(), flaw="cursed")).flaw is Flaw.UNSUPPORTED


def test_helpers() -> None:
    """A known value is itself; nothing unknown is ""; an object within is completed."""
    assert (known_or("off", Mode.ENFORCE), known_or("x", Mode.ENFORCE)) == (Mode.OFF, Mode.ENFORCE)
    assert unknown_fields({"a": 1}, {"a", "b"}) == ""
    assert with_unknown({"a": {"b": 1}}, unknown_fields({"a": {}, "c": 2}, {"a"}, a={"d": 3})) == {
        "a": {"b": 1, "d": 3}, "c": 2,
    }  # fmt: skip
    assert (without_fields('{"a":1}', {"a"}), without_fields("", {"a"})) == ("", "")

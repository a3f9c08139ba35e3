"""Entries: the signals of an image that are fit to be listed; added and found."""

from dataclasses import replace

import pytest
from tests.support.services import carry_out

from edgeward.errors import BadSignal, InvalidValue
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.operations import entries, lists
from edgeward.operations.entries import SignalsToList, signals_to_list
from edgeward.operations.services import Services
from edgeward.settings.config import SIGNAL_TYPES, HashingSettings
from edgeward.types import Fingerprint, Flaw, HashList, Signal, View

PDQ = "0f1e2d3c4b5a6978" * 3 + "8796a5b4c3d2e1f1"
OTHER_PDQ = "4b5a69780f1e2d3c" * 3 + "8796a5b4c3d2e1f1"
DHASH = "0f1e2d3c4b5a6978"
SHA256 = Signal("sha256", "ab" * 32)
MD5 = Signal("md5", "9e107d9d372bb6826bd81d3542a419d6")


def _fingerprint(*signals: Signal, flaw: Flaw | None = None) -> Fingerprint:
    return Fingerprint("ab" * 32, "image/png", 9, signals, flaw=flaw)


def test_the_stored_view_and_smaller_copies_are_listed() -> None:
    """What lies within a border, or was turned, could be another picture. Every distinct frame is listed."""
    signals = [
        Signal("pdq", PDQ, 90, View.STORED, 0),
        Signal("pdq", OTHER_PDQ, 80, View.SMALLER, 0),
        Signal("pdq", PDQ[::-1], 90, View.STORED, 1),
        Signal("pdq", "0123" * 16, 90, View.INNER, 0),
        Signal("pdq", "4567" * 16, 90, View.DIHEDRAL, 0),
    ]
    chosen = signals_to_list(_fingerprint(SHA256, *signals), ["sha256", "pdq"], HashingSettings())
    assert [each.value for each in chosen.signals] == [SHA256.value, PDQ, OTHER_PDQ, PDQ[::-1]]
    assert {(each.view, each.frame) for each in chosen.signals} == {(View.STORED, 0)}
    assert chosen.notes == []


def test_a_type_with_no_stored_view_is_listed_as_shown() -> None:
    """A signal type installed by an operator may compute that view only."""
    shown = Signal("md5", MD5.value, None, View.SHOWN)
    assert signals_to_list(_fingerprint(shown), ["md5"], HashingSettings()).signals == [MD5]


@pytest.mark.parametrize("signal", [Signal("pdq", PDQ, 49), Signal("pdq", "0" * 64, 100)])
def test_a_signal_that_would_match_unrelated_pictures_is_left_out(signal: Signal) -> None:
    """A PDQ of low quality, or of nothing: a note says why."""
    chosen = signals_to_list(_fingerprint(SHA256, signal), ["sha256", "pdq"], HashingSettings())
    assert chosen.signals == [SHA256]
    assert chosen.notes == ["pdq was left out: the image has too little detail: it would match others"]


@pytest.mark.parametrize(
    ("signal_type", "computed", "flaw", "why"),
    [
        ("pdq-dhash", ("sha256", "pdq"), None, "hashing.signals lacks dhash"),
        ("pdq-dhash", ("sha256",), None, "hashing.signals lacks dhash, pdq"),
        ("pdq-dhash", SIGNAL_TYPES, Flaw.UNDECODABLE, "the image is undecodable"),
        ("pdq-dhash", SIGNAL_TYPES, None, "the image is too small for it"),
        ("pdq", ("sha256",), None, "it is not in hashing.signals"),
    ],
)
def test_a_note_says_what_a_missing_type_lacks(
    signal_type: str, computed: tuple[str, ...], flaw: Flaw | None, why: str
) -> None:
    """Which of its component types is not computed, or why the picture has none."""
    chosen = signals_to_list(_fingerprint(flaw=flaw), [signal_type], HashingSettings(signals=computed))
    assert chosen == SignalsToList([], [f"{signal_type} was left out: {why}"])


def test_an_image_that_is_flat_but_for_its_inner_part_is_not_called_too_small() -> None:
    """As one that was cut off: its inner part is not listed, since it may be that of other images."""
    made = _fingerprint(SHA256, Signal("pdq", PDQ, 90, View.INNER), Signal("dhash", DHASH, None, View.INNER))
    for signal_type in ("pdq", "pdq-dhash"):
        chosen = signals_to_list(made, ["sha256", signal_type], HashingSettings())
        assert chosen.signals == [SHA256]
        assert chosen.notes == [
            f"{signal_type} was left out: the image has too little detail outside of its inner part"
        ]


def test_a_composite_is_made_of_its_components() -> None:
    """A picture's dhash and PDQ in one value, with the quality of the PDQ."""
    made = _fingerprint(Signal("pdq", PDQ, 90), Signal("dhash", DHASH))
    chosen = signals_to_list(made, ["pdq-dhash"], HashingSettings())
    assert chosen.signals == [Signal("pdq-dhash", DHASH + PDQ, 90)]


async def test_a_quality_is_given_to_types_that_have_one(services: Services) -> None:
    """A digest has none, and a malformed hash is named."""
    both = entries.signals_of_hashes(services, [f"pdq:{PDQ}", f"md5:{MD5.value}"], 80)
    assert both == [Signal("pdq", PDQ, 80), MD5]
    with pytest.raises(BadSignal, match="md5:12"):
        entries.signals_of_hashes(services, ["md5:12"])


@pytest.mark.parametrize(("hashes", "quality"), [([f"pdq:{PDQ}"], 49), ([f"md5:{MD5.value}"], 80)])
async def test_a_quality_that_has_no_effect_is_refused(services: Services, hashes: list[str], quality: int) -> None:
    """One so low that the hashes would never match, or one for digests only."""
    with pytest.raises(InvalidValue, match=r"^quality: ") as caught:
        entries.signals_of_hashes(services, hashes, quality)
    assert caught.value.key == "quality"


@pytest.mark.parametrize("name", ["crc", "photodna"])
async def test_an_image_is_listed_by_types_that_it_can_have(services: Services, name: str) -> None:
    """A type that is unknown, or that is not computed here, is named. No hasher is needed for that: none runs."""
    idle = replace(services, hashers=HasherPool(HashingSettings(processes=1, timeout_ms=100)))
    with pytest.raises(InvalidValue, match=f"^signals: .*'{name}'"):
        await entries.signals_of_image(idle, b"any", ["sha256", name])


async def test_signals_are_listed_once(services: Services) -> None:
    """Twice in one call is one entry; listed before, an entry keeps its provenance and is counted as known. The audit
    trail has that it was listed again."""
    await lists.create(services, HashList("a"), "ana", "")
    first = await entries.add(services, "a", [MD5, MD5], "ana", "first")
    assert (len(first.entries), first.known, first.change.active, first.purge) == (1, 0, True, None)
    again = await entries.add(services, "a", [MD5, SHA256], "bo", "second")
    assert [(each.signal, each.added_by, each.reason) for each in again.entries] == [
        (MD5, "ana", "first"),
        (SHA256, "bo", "second"),
    ]
    assert (again.known, again.change.version) == (1, first.change.version + 2)
    changes = await services.list_store.changes(first.change.version)
    assert [(each.op, each.who, each.entry and each.entry.signal) for each in changes] == [
        ("entry.add", "bo", SHA256),
        ("entry.add", "bo", MD5),
    ]
    assert entries.find(services, again.entries[0].id).added_by == "ana"


async def test_a_listing_that_is_waited_for_says_what_is_owed(services: Services) -> None:
    """Nothing seen, nothing owed: the answer does not wait for its time."""
    await lists.create(services, HashList("a"), "ana", "")
    added = await entries.add(services, "a", [MD5], "ana", "", timeout=60.0)
    assert added.purge is not None
    assert (added.purge.orders, added.purge.owed, added.purge.matched) == (0, {}, True)
    assert await carry_out(services) == 0

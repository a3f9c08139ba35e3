"""Only well-formed signals that do not match blank pictures may be listed."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hashing.pictures import jpeg

from edgeward.errors import BadSignal
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.signal_registry import listable_types
from edgeward.hashing.signals import parse, types_of_length, validate
from edgeward.settings.config import SIGNAL_TYPES, HashingSettings
from edgeward.types import Signal

PDQ = "2d2f1af3a856c529679ca3d6526fa836d4196c81c6dd04de0a26f855fc99b724"


def test_a_signal_is_normalised() -> None:
    """Case and surrounding white space do not matter; the quality is unknown."""
    assert parse(f"  PDQ:{PDQ.upper()}\n") == Signal("pdq", PDQ, None)


def test_computed_signals_can_be_listed() -> None:
    """All signals of a photograph may be listed as they are."""
    signals = fingerprint(jpeg(), HashingSettings()).signals
    assert [validate(signal) for signal in signals] == list(signals)
    assert {signal.type for signal in signals} == set(SIGNAL_TYPES)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "TYPE:HEX"),
        (PDQ, "TYPE:HEX"),
        (f"photo:{PDQ}", "'photo' is not a signal type: .*photodna"),
        (f"photodna:{PDQ}", "64 digits: photodna has 288"),
        ("pdq:", "hexadecimal"),
        (f"pdq:{PDQ[:-1]}g", "hexadecimal"),
        (f"pdq:-{PDQ[1:]}", "hexadecimal"),
        (f"pdq:{PDQ[:-2]}", "62 digits"),
        (f"md5:{PDQ}", "md5 has 32"),
        ("phash:c2924c5532bddfc8ff", "phash has 16"),
        (f"pdq:{64 * '0'}", "blank"),
        (f"pdq:{64 * 'f'}", "blank"),
        (f"pdq:{'0' * 57}7ffffff", "blank"),
        (f"pdq:{'aaaa' * 16}", "flat"),
        (f"phash:{16 * '0'}", "blank"),
        ("phash:00000000000000ff", None),
        ("dhash:00000000000000ff", "rows"),
        ("dhash:f0e0e0e0b0e0e0f0", "rows"),
        ("dhash:d0c682c0c0c2c1e4", None),
        ("dhash:000000000000000f", "blank"),
        (f"md5:{hashlib.md5(b'').hexdigest()}", "empty file"),
        (f"sha1:{hashlib.sha1(b'').hexdigest()}", "empty file"),
        (f"sha256:{hashlib.sha256(b'').hexdigest()}", "empty file"),
    ],
)
def test_bad_signals_are_named(text: str, named: str | None) -> None:
    """Signals that must not be listed are refused with a message that says why."""
    if named is None:
        parse(text)
        return
    with pytest.raises(BadSignal, match=named):
        parse(text)


@pytest.mark.parametrize(("type_", "quality"), [("pdq", 101), ("pdq", -1), ("phash", 50), ("pdq-dhash", 101)])
def test_qualities_are_checked(type_: str, quality: int) -> None:
    """Only types with a PDQ have a quality, from 0 to 100."""
    with pytest.raises(BadSignal, match=str(quality)):
        validate(Signal(type_, (PDQ + PDQ)[: listable_types()[type_].bits // 4], quality))


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    """Any text either parses or raises BadSignal."""
    with contextlib.suppress(BadSignal):
        parse(text)


def test_types_by_length() -> None:
    """The number of hexadecimal digits tells which types a value may have; what is not hexadecimal has none."""
    assert types_of_length(" " + "aB" * 16 + "\n") == ["md5"]
    assert types_of_length("0" * 40) == ["sha1"]
    assert types_of_length(PDQ) == ["sha256", "pdq"]
    assert types_of_length("0" * 16) == ["phash", "dhash"]
    assert types_of_length("0" * 33) == types_of_length("g" * 32) == types_of_length("") == []


def test_a_message_repeats_no_long_value() -> None:
    """What was given is cut, and shown as a terminal can show it."""
    for text in ("x" * 5000, f"md5:{'y' * 5000}", "md5:\x1b[2J", f"{'z' * 5000}:12"):
        with pytest.raises(BadSignal) as raised:
            parse(text)
        assert len(str(raised.value)) < 300 and str(raised.value).isprintable()

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
from edgeward.hashing.signals import parse, validate
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

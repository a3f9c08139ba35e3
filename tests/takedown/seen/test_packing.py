"""Packing: exact, small, and never fooled by what is no packed thing."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.takedown.conftest import image, target

from edgeward.takedown.seen import packing
from edgeward.types import Fingerprint, Flaw, Signal, Target, View

DIGEST = "ab" * 32
HEX = st.binary(max_size=64).map(bytes.hex)
NUMBERS = st.integers(0, 2**63 - 1)
TEXT = st.text(st.characters(), max_size=60)  # surrogates too
SIGNALS = st.builds(
    Signal,
    st.sampled_from(packing.SIGNAL_TYPES) | TEXT,
    HEX | st.just(DIGEST),
    st.none() | NUMBERS,
    st.just(View.STORED) | st.sampled_from(View),
    st.just(0) | NUMBERS,
)
FINGERPRINTS = st.builds(
    Fingerprint,
    st.binary(min_size=32, max_size=32).map(bytes.hex) | st.just(DIGEST),
    st.sampled_from(packing.MEDIA_TYPES) | TEXT,
    NUMBERS,
    st.lists(SIGNALS, max_size=8).map(tuple),
    NUMBERS,
    NUMBERS,
    st.none() | st.sampled_from(Flaw),
)
TARGETS = st.builds(
    Target,
    st.sampled_from(packing.SCHEMES) | TEXT,
    TEXT,
    st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")) | TEXT,
    st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple),
    NUMBERS,
)
PDQ = Signal("pdq", "0f" * 32, 80)
PACKED_BEFORE_VIEWS = (
    "0100000000ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb0100e8070a0a802350" + PDQ.value
)


@given(FINGERPRINTS, st.binary(min_size=4, max_size=4).map(bytes.hex))
def test_fingerprints_come_back(fingerprint: Fingerprint, generation: str) -> None:
    """Any fingerprint comes back as it was, and its parts can be read without unpacking all of it."""
    packed = packing.pack_fingerprint(fingerprint, generation)
    assert packing.unpack_fingerprint(packed) == fingerprint
    found = [(kind, value.hex(), view) for kind, value, view in packing.signals_of(packed)]
    assert found == [(signal.type, signal.value, signal.view) for signal in fingerprint.signals]
    assert packing.generation_of(packed) == generation
    assert packing.image_id(packed) == packing.image_id(fingerprint.sha256) == bytes.fromhex(fingerprint.sha256[:32])


@given(TARGETS)
def test_targets_come_back(one: Target) -> None:
    """Any target comes back byte for byte, with its size, whatever its scheme, host, path and headers hold."""
    found = packing.unpack_target(packing.pack_target(one))
    assert (found, found.size) == (one, one.size)


@given(st.binary(max_size=80) | FINGERPRINTS.map(packing.pack_fingerprint))
def test_garbage_is_no_fingerprint(data: bytes) -> None:
    """Bytes are read as the fingerprint that they are, or refused with a ValueError that names the thing."""
    for cut in (data, data[:-1]):
        try:
            found = packing.unpack_fingerprint(cut)
        except ValueError as error:
            assert "no packed fingerprint" in str(error)
        else:
            assert packing.unpack_fingerprint(packing.pack_fingerprint(found)) == found


@given(st.binary(max_size=80) | TARGETS.map(packing.pack_target))
def test_garbage_is_no_target(data: bytes) -> None:
    """Bytes are read as the target that they are, or refused with a ValueError that names the thing."""
    for cut in (data, data[:-1]):
        try:
            found = packing.unpack_target(cut)
        except ValueError as error:
            assert "no packed target" in str(error)
        else:
            assert packing.unpack_target(packing.pack_target(found)) == found


@pytest.mark.parametrize(
    "fingerprint",
    [
        Fingerprint("AB" * 32, "", 1, ()),
        Fingerprint("ab", "", 1, ()),
        Fingerprint(DIGEST, "", -1, ()),
        image("a", Signal("pdq", "xyz")),
        image("a", Signal("pdq", "0F")),
    ],
)
def test_refuses_what_would_not_come_back(fingerprint: Fingerprint) -> None:
    """What is no lower-case hexadecimal, and negative numbers, are refused rather than changed."""
    with pytest.raises(ValueError, match=r"hexadecimal|SHA-256|packed|fromhex"):
        packing.pack_fingerprint(fingerprint)


def test_compares_without_generation() -> None:
    """Packed fingerprints are the same when only their generation differs."""
    one, other = packing.pack_fingerprint(image("a", PDQ), "01020304"), packing.pack_fingerprint(image("a", PDQ))
    assert one != other and packing.same_fingerprint(one, other)
    assert not packing.same_fingerprint(one, packing.pack_fingerprint(image("a")))


def test_is_small() -> None:
    """A usual fingerprint takes less than a quarter of its JSON, a usual target less than half."""
    digests = (Signal("sha1", "12" * 20), Signal("md5", "34" * 16))
    fingerprint = image("a", *digests, PDQ, Signal("phash", "56" * 8), Signal("dhash", "78" * 8))
    assert len(packing.pack_fingerprint(fingerprint)) <= 140 < len(fingerprint.to_json()) / 4
    varied = target("/media/2024/05/a.jpg", accept="image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8")
    assert len(packing.pack_target(varied)) < 50 < len(varied.to_json()) / 2


def test_a_view_costs_next_to_nothing() -> None:
    """Signals of one view and frame share one mark: 150 that were searched take 34 bytes each. Without views a packed
    fingerprint is what it was before there were any."""
    plain = packing.pack_fingerprint(image("a", PDQ))
    searched = [Signal("pdq", f"{number:064x}", 80, View.SEARCHED) for number in range(150)]
    assert len(packing.pack_fingerprint(image("a", PDQ, *searched))) == len(plain) + 3 + 150 * 34
    assert plain.hex() == PACKED_BEFORE_VIEWS
    assert packing.unpack_fingerprint(plain) == image("a", PDQ)


def test_tables_only_grow() -> None:
    """What is in the store was packed by these tables: a change before their ends would change its meaning."""
    assert (tuple(Flaw), tuple(View)) == (packing.FLAWS, packing.VIEWS)
    tables = json.dumps((packing.SIGNAL_TYPES, packing.MEDIA_TYPES[:15], packing.SCHEMES)).encode()
    assert zlib.crc32(tables) == 3306635820

"""The binary format: exact, small, and safe against damaged data."""

import json
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.real_caches import image, target

from edgeward.sightings import codec
from edgeward.types import Fingerprint, Flaw, Signal, Target, View

DIGEST = "ab" * 32
HEX = st.binary(max_size=64).map(bytes.hex)
NUMBERS = st.integers(0, 2**63 - 1)
TEXT = st.text(st.characters(), max_size=60)  # surrogates too
SIGNALS = st.builds(
    Signal,
    st.sampled_from(codec.SIGNAL_TYPES) | TEXT,
    HEX | st.just(DIGEST),
    st.none() | NUMBERS,
    st.just(View.STORED) | st.sampled_from(View),
    st.just(0) | NUMBERS,
)
FINGERPRINTS = st.builds(
    Fingerprint,
    st.binary(min_size=32, max_size=32).map(bytes.hex) | st.just(DIGEST),
    st.sampled_from(codec.MEDIA_TYPES) | TEXT,
    NUMBERS,
    st.lists(SIGNALS, max_size=8).map(tuple),
    NUMBERS,
    NUMBERS,
    st.none() | st.sampled_from(Flaw),
)
TARGETS = st.builds(
    Target,
    st.sampled_from(codec.SCHEMES) | TEXT,
    TEXT,
    st.binary(max_size=200).map(lambda raw: raw.decode("latin-1"))
    | TEXT
    | st.integers(0, 9).map(lambda seed: "/" + random.Random(seed).randbytes(seed * 100).hex()),
    st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple),
    NUMBERS,
    st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
)
PDQ = Signal("pdq", "0f" * 32, 80)
PACKED_BEFORE_VIEWS = (
    "0100000000ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb0100e8070a0a802350" + PDQ.value
)


@given(FINGERPRINTS, st.binary(min_size=4, max_size=4).map(bytes.hex))
def test_fingerprints_round_trip(fingerprint: Fingerprint, generation: str) -> None:
    """Any fingerprint is unpacked as it was packed, and its parts can be read without unpacking all of it."""
    packed = codec.pack_fingerprint(fingerprint, generation)
    assert codec.unpack_fingerprint(packed) == fingerprint
    found = [(kind, value.hex(), view) for kind, value, view in codec.packed_signals(packed)]
    assert found == [(signal.type, signal.value, signal.view) for signal in fingerprint.signals]
    assert codec.generation_of(packed) == generation
    assert codec.image_id(packed) == codec.image_id(fingerprint.sha256) == bytes.fromhex(fingerprint.sha256[:32])


@given(TARGETS)
def test_targets_round_trip(one: Target) -> None:
    """Any target is unpacked byte for byte, with its size, whatever its scheme, host, path and headers are."""
    found = codec.unpack_target(codec.pack_target(one))
    assert (found, found.size) == (one, one.size)


@given(st.binary(max_size=80) | FINGERPRINTS.map(codec.pack_fingerprint))
def test_damaged_fingerprints(data: bytes) -> None:
    """Bytes are unpacked to a fingerprint that packs again, or raise a ValueError that says 'fingerprint'."""
    for cut in (data, data[:-1]):
        try:
            found = codec.unpack_fingerprint(cut)
        except ValueError as error:
            assert "not a packed fingerprint" in str(error)
        else:
            assert codec.unpack_fingerprint(codec.pack_fingerprint(found)) == found


@given(st.binary(max_size=80) | TARGETS.map(codec.pack_target))
def test_damaged_targets(data: bytes) -> None:
    """Bytes are unpacked to a target that packs again, or raise a ValueError that says 'target'."""
    for cut in (data, data[:-1]):
        try:
            found = codec.unpack_target(cut)
        except ValueError as error:
            assert "not a packed target" in str(error)
        else:
            assert codec.unpack_target(codec.pack_target(found)) == found


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
def test_refuses_what_it_cannot_restore(fingerprint: Fingerprint) -> None:
    """Values that are not lower-case hexadecimal, and negative numbers, are refused rather than changed."""
    with pytest.raises(ValueError, match=r"hexadecimal|SHA-256|packed|fromhex"):
        codec.pack_fingerprint(fingerprint)


def test_compares_without_generation() -> None:
    """Packed fingerprints are the same if only their generation differs."""
    one, other = codec.pack_fingerprint(image("a", PDQ), "01020304"), codec.pack_fingerprint(image("a", PDQ))
    assert one != other and codec.same_fingerprint(one, other)
    assert not codec.same_fingerprint(one, codec.pack_fingerprint(image("a")))


def test_is_small() -> None:
    """A usual fingerprint takes less than a quarter of its JSON, a usual target less than half."""
    digests = (Signal("sha1", "12" * 20), Signal("md5", "34" * 16))
    fingerprint = image("a", *digests, PDQ, Signal("phash", "56" * 8), Signal("dhash", "78" * 8))
    assert len(codec.pack_fingerprint(fingerprint)) <= 140 < len(fingerprint.to_json()) / 4
    varied = target("/media/2024/05/a.jpg", accept="image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8")
    assert len(codec.pack_target(varied)) < 50 < len(varied.to_json()) / 2


def test_long_targets_are_compressed() -> None:
    """A long query takes less than its text, also with its request headers; the host can be read without unpacking."""
    query = random.Random(1).randbytes(3500).hex()
    long = target(f"/a.jpg?{query}", accept="image/webp", cookie=random.Random(2).randbytes(2000).hex())
    packed = codec.pack_target(long)
    assert len(packed) < 0.6 * (7000 + 4000)
    assert b"img.test" in packed
    assert codec.unpack_target(packed) == long
    assert len(codec.pack_target(target(f"/a.jpg?{'x' * 7000}"))) < 100


def test_long_headers_are_not_kept_in_memory() -> None:
    """Only sets of short headers are cached: a client can make any number of long ones."""
    before = codec._deflate.cache_info().currsize
    for number in range(20):
        codec.pack_target(target("/a.jpg", cookie=random.Random(number).randbytes(600).hex()))
    assert codec._deflate.cache_info().currsize == before


def test_views_take_few_bytes() -> None:
    """Signals of one view and frame share one mark: 150 of them take 34 bytes each. Without views, a packed fingerprint
    has the format of releases that had no views."""
    plain = codec.pack_fingerprint(image("a", PDQ))
    searched = [Signal("pdq", f"{number:064x}", 80, View.GEOMETRY) for number in range(150)]
    assert len(codec.pack_fingerprint(image("a", PDQ, *searched))) == len(plain) + 3 + 150 * 34
    assert plain.hex() == PACKED_BEFORE_VIEWS
    assert codec.unpack_fingerprint(plain) == image("a", PDQ)


def test_tables_only_grow() -> None:
    """The store holds data that was packed with these tables: they may change at their ends only."""
    assert (tuple(Flaw), tuple(View)) == (codec.FLAWS, codec.VIEWS)
    tables = json.dumps((codec.SIGNAL_TYPES, codec.MEDIA_TYPES[:15], codec.SCHEMES)).encode()
    assert zlib.crc32(tables) == 3306635820

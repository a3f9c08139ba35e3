"""The signal types that ship: their lengths, how values are parsed, their radii."""

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.hashing.signal_types import (
    BUILT_IN,
    COMPOSED,
    NOT_SHIPPED,
    ListedType,
    PdqDhash,
    PhotoDna,
    is_hamming,
    max_radius_of,
)
from edgeward.settings.config import SIGNAL_TYPES
from edgeward.types import DEFAULT_RADIUS

ALL = (*BUILT_IN, *COMPOSED, *NOT_SHIPPED)
BITS = {
    "sha256": 256,
    "sha1": 160,
    "md5": 128,
    "pdq": 256,
    "phash": 64,
    "dhash": 64,
    "pdq-dhash": 320,
    "photodna": 1152,
}


def value(kind: ListedType) -> bytes:
    return random.Random(kind.name).randbytes(kind.bits // 8)


def test_the_table_is_that_of_the_settings() -> None:
    """What settings may name is what ships, in the same order; the radii are the lists' defaults."""
    assert tuple(kind.name for kind in BUILT_IN) == SIGNAL_TYPES
    assert {kind.name: kind.bits for kind in ALL} == BITS
    assert {kind.name: kind.radius for kind in ALL if kind.radius is not None} == DEFAULT_RADIUS
    assert {name: max_radius_of(kind) for kind in ALL if (name := kind.name) in DEFAULT_RADIUS} == {
        "pdq": 64,
        "phash": 16,
        "dhash": 16,
        "pdq-dhash": 96,
    }


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_values_are_read_as_hexadecimal_and_base64(kind: ListedType) -> None:
    """White space and case make no difference; one digit more or less does."""
    digits = value(kind).hex()
    coded = base64.b64encode(value(kind)).decode()
    assert [kind.parse(text) for text in (digits, f" {digits.upper()}\n", coded)] == [value(kind)] * 3
    for text in ("", digits[:-1], digits[:-2], digits + "00", coded[:-4], f"{coded}AAAA", digits[:-1] + "g"):
        with pytest.raises(ValueError, match=f"digits: {kind.name} has|it is not hexadecimal, nor"):
            kind.parse(text)


def test_a_cut_off_value_is_not_taken_for_base64() -> None:
    """192 hexadecimal digits of a PhotoDNA's 288 are refused, though they would be 144 bytes in base64."""
    with pytest.raises(ValueError, match="it has 192 digits: photodna has 288"):
        PhotoDna().parse("ab" * 96)


def test_sha1_is_read_in_base32() -> None:
    """32 letters and digits of base32 are a SHA-1; hexadecimal goes first, and no other type is read so."""
    sha1 = next(kind for kind in BUILT_IN if kind.name == "sha1")
    digest = bytes.fromhex("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12")
    assert sha1.parse(f" {base64.b32encode(digest).decode()} ") == digest
    for text in ("A" * 32, "a" * 31 + "z", "A" * 31 + "1", "Z" * 31):
        with pytest.raises(ValueError, match=r"digits: sha1 has|it is not hexadecimal, nor"):
            sha1.parse(text)
    with pytest.raises(ValueError, match="it is not hexadecimal"):
        BUILT_IN[0].parse("Z" * 32)


@given(st.binary(min_size=8, max_size=8), st.lists(st.binary(min_size=8, max_size=8)))
def test_distances_are_bits_that_differ(one: bytes, others: list[bytes]) -> None:
    """Of each pair, and of one to many in a row."""
    kind = BUILT_IN[-1]
    expected = [sum(f"{a ^ b:08b}".count("1") for a, b in zip(one, other, strict=True)) for other in others]
    assert [kind.distance(one, other) for other in others] == expected
    assert list(kind.distances(one, b"".join(others))) == expected


def test_a_types_own_distance_is_noticed() -> None:
    """Types that ship are searched by bits; one that overrides `distance` or `distances` is not."""

    class Other(ListedType):
        def distance(self, one: bytes, other: bytes) -> int:
            return abs(one[0] - other[0])

    assert [kind for kind in ALL if not is_hamming(kind)] == [*COMPOSED]
    assert not is_hamming(Other())


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_a_composite_distance_is_the_greater(dhash: int, other_dhash: int, pdq: int, other_pdq: int) -> None:
    """A bit of the dhash counts as much as eight of the PDQ; both must be near."""
    one, other = dhash.to_bytes(8) + pdq.to_bytes(32), other_dhash.to_bytes(8) + other_pdq.to_bytes(32)
    expected = max(8 * (dhash ^ other_dhash).bit_count(), (pdq ^ other_pdq).bit_count())
    assert PdqDhash().distance(one, other) == expected
    assert list(PdqDhash().distances(one, one + other)) == [0, expected]


@pytest.mark.parametrize(
    ("pdq", "why"),
    [
        ("f" * 64, "its pdq: it matches blank images"),
        ("0f1e" * 16, "its pdq: it matches flat images"),
    ],
)
def test_the_pdq_of_a_composite_value_must_be_listable(pdq: str, why: str) -> None:
    """A PDQ that could not be listed alone is refused: the value would match by its dhash alone."""
    with pytest.raises(ValueError, match=why):
        PdqDhash().parse("0f1e2d3c4b5a6978" + pdq)


@pytest.mark.parametrize("dhash", ["0" * 16, "0f" * 8])
def test_the_dhash_of_a_composite_value_may_be_flat(dhash: str) -> None:
    """A dune or a page of text may have a flat dhash: its PDQ tells it from others."""
    assert PdqDhash().parse(dhash + "0f1e2d3c" * 8).hex() == dhash + "0f1e2d3c" * 8

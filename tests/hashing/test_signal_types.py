"""The signal types that ship: how long they are, how they are read, how far they reach."""

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.config import SIGNAL_TYPES
from edgeward.hashing.signal_types import BUILT_IN, NOT_SHIPPED, ListedType, PhotoDna, greatest_radius, is_hamming
from edgeward.types import DEFAULT_RADIUS

ALL = (*BUILT_IN, *NOT_SHIPPED)
BITS = {"sha256": 256, "sha1": 160, "md5": 128, "pdq": 256, "phash": 64, "dhash": 64, "photodna": 1152}


def value(kind: ListedType) -> bytes:
    return random.Random(kind.name).randbytes(kind.bits // 8)


def test_the_table_is_that_of_the_settings() -> None:
    """What settings may name is what ships, in the same order; the radii are those of the lists."""
    assert tuple(kind.name for kind in BUILT_IN) == SIGNAL_TYPES
    assert {kind.name: kind.bits for kind in ALL} == BITS
    assert {kind.name: kind.radius for kind in ALL if kind.radius is not None} == DEFAULT_RADIUS
    assert {name: greatest_radius(kind) for kind in ALL if (name := kind.name) in DEFAULT_RADIUS} == {
        "pdq": 64,
        "phash": 16,
        "dhash": 16,
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
    """192 hexadecimal digits are two thirds of a PhotoDNA, though they would be 144 bytes in base64."""
    with pytest.raises(ValueError, match="it has 192 digits: photodna has 288"):
        PhotoDna().parse("ab" * 96)


@given(st.binary(min_size=8, max_size=8), st.lists(st.binary(min_size=8, max_size=8)))
def test_distances_are_bits_that_differ(one: bytes, others: list[bytes]) -> None:
    """Of each pair, and of one to many in a row."""
    kind = BUILT_IN[-1]
    expected = [sum(f"{a ^ b:08b}".count("1") for a, b in zip(one, other, strict=True)) for other in others]
    assert [kind.distance(one, other) for other in others] == expected
    assert list(kind.distances(one, b"".join(others))) == expected


def test_a_distance_of_ones_own_is_noticed() -> None:
    """Types that ship are searched by bits; one that overrides either function is not."""

    class Other(ListedType):
        def distance(self, one: bytes, other: bytes) -> int:
            return abs(one[0] - other[0])

    assert all(map(is_hamming, ALL))
    assert not is_hamming(Other())

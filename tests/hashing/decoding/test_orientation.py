"""The orientation is read from Exif data as browsers read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgeward.hashing.decoding.orientation import UPRIGHT, orientation

TAG = 0x0112


def exif(value: int, endian: str = "<") -> bytes:
    data = Image.Exif()
    data.endian = endian
    data[0x010E] = "a description that comes before"
    data[TAG] = value
    return data.tobytes()


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("endian", ["<", ">"])
def test_all_eight(value: int, endian: str) -> None:
    """Every orientation in both byte orders, with and without "Exif\\0\\0" in front."""
    data = exif(value, endian)
    assert data.startswith(b"Exif\0\0")
    assert orientation(data) == orientation(data.removeprefix(b"Exif\0\0")) == value


@pytest.mark.parametrize("value", [0, 9, 255])
def test_nonsense_is_upright(value: int) -> None:
    """An invalid orientation turns nothing."""
    assert orientation(exif(value)) == UPRIGHT


def test_without_the_tag_is_upright() -> None:
    """No Exif data, no such tag, or a tag of another type: upright."""
    other = Image.Exif()
    other[0x010E] = "text"
    assert orientation(other.tobytes()) == orientation(b"") == UPRIGHT
    assert orientation(exif(6).replace(b"\x12\x01\x03\0", b"\x12\x01\x04\0")) == UPRIGHT


def test_a_wrong_number_of_entries_is_harmless() -> None:
    """A directory that declares 65535 entries and has none costs nothing and turns nothing."""
    assert orientation(b"II*\0\x08\0\0\0\xff\xff") == UPRIGHT
    assert orientation(b"II*\0\xff\xff\xff\xff") == UPRIGHT


@given(st.binary(max_size=60))
def test_any_bytes_have_an_orientation(data: bytes) -> None:
    """Hostile Exif data raises nothing."""
    assert 1 <= orientation(b"MM\0*" + data) <= 8

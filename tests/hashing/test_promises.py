"""What a WebP or AVIF promises is read as its decoder would read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hashing.pictures import encoded, photograph

from edgeward.hashing.promises import promised_size


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"save_all": True}, {"exif": b"Exif\0\0some"}])
@pytest.mark.parametrize("size", [(33, 65), (301, 17)])
def test_webp(options: dict[str, object], size: tuple[int, int]) -> None:
    """Lossy, lossless and extended files say their size in three different ways."""
    body = encoded(photograph().resize(size), "WEBP", **options)
    assert promised_size(body, "image/webp") == size


def test_avif() -> None:
    """An AVIF says its size in a box."""
    assert promised_size(encoded(photograph().resize((65, 34)), "AVIF"), "image/avif") == (65, 34)


def test_others_promise_nothing() -> None:
    """Formats whose headers are read without allocating need no second reader."""
    assert promised_size(encoded(photograph(), "PNG"), "image/png") == (0, 0)


@given(st.binary(max_size=60), st.sampled_from(["image/webp", "image/avif"]))
def test_any_bytes_have_an_answer(body: bytes, media_type: str) -> None:
    """Hostile headers promise a size that is not negative, and raise nothing."""
    magic = b"RIFF\0\0\0\0WEBPVP8X" if media_type == "image/webp" else b"ispe"
    assert all(side >= 0 for side in promised_size(magic + body, media_type))

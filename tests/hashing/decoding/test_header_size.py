"""The size in a file's header is read as its decoder reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hashing.pictures import encoded, photograph

from edgeward.hashing.decoding.header_size import header_size

MAGIC = {
    "image/webp": b"RIFF\0\0\0\0WEBPVP8X",
    "image/avif": b"\0\0\0\x14ispe\0\0\0\0",
    "image/jp2": b"\xff\x4f\xff\x51",
    "image/x-icon": b"\0\0\1\0\1\0",
}


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"save_all": True}, {"exif": b"Exif\0\0some"}])
@pytest.mark.parametrize("size", [(33, 65), (301, 17)])
def test_webp(options: dict[str, object], size: tuple[int, int]) -> None:
    """Lossy, lossless and extended files state their size in three different ways."""
    body = encoded(photograph().resize(size), "WEBP", **options)
    assert header_size(body, "image/webp") == size


@pytest.mark.parametrize(("format", "media_type"), [("AVIF", "image/avif"), ("HEIF", "image/heic")])
def test_heif(format: str, media_type: str) -> None:
    """AVIF and HEIC state their size in a box; of several the largest counts."""
    body = encoded(photograph().resize((128, 64)), format)
    assert header_size(body, media_type) == (128, 64)
    box = b"\0\0\0\x14ispe" + bytes(4)
    larger = box + (100_000).to_bytes(4, "big") * 2
    assert header_size(body + larger + larger.replace(b"\1", b"\0"), media_type) == (100_000, 100_000)
    assert header_size(body + larger.replace(b"\x14", b"\x15"), media_type) == (128, 64)


@pytest.mark.parametrize("options", [{}, {"no_jp2": True}, {"offset": (10, 20), "tile_size": (64, 64)}])
def test_jpeg_2000(options: dict[str, object]) -> None:
    """The codestream states its size, in a container or bare, less the offset on its grid."""
    assert header_size(encoded(photograph().resize((65, 34)), "JPEG2000", **options), "image/jp2") == (65, 34)


def test_icons() -> None:
    """An icon has the size of its largest picture."""
    assert header_size(encoded(photograph().resize((48, 48)), "ICO"), "image/x-icon") == (48, 48)


def test_other_formats_give_no_size() -> None:
    """Other formats give (0, 0): their decoders read headers without allocating."""
    assert header_size(encoded(photograph(), "PNG"), "image/png") == (0, 0)


@given(st.binary(max_size=60), st.sampled_from(list(MAGIC)))
def test_any_bytes_have_an_answer(body: bytes, media_type: str) -> None:
    """Hostile headers give a size that is not negative, and raise nothing."""
    assert all(side >= 0 for side in header_size(MAGIC[media_type] + body, media_type))

"""What a file promises is read as its decoder would read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hashing.pictures import encoded, photograph

from edgeward.hashing.decoding.promises import promised_size

MAGIC = {
    "image/webp": b"RIFF\0\0\0\0WEBPVP8X",
    "image/avif": b"\0\0\0\x14ispe\0\0\0\0",
    "image/jp2": b"\xff\x4f\xff\x51",
    "image/x-icon": b"\0\0\1\0\1\0",
}


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"save_all": True}, {"exif": b"Exif\0\0some"}])
@pytest.mark.parametrize("size", [(33, 65), (301, 17)])
def test_webp(options: dict[str, object], size: tuple[int, int]) -> None:
    """Lossy, lossless and extended files say their size in three different ways."""
    body = encoded(photograph().resize(size), "WEBP", **options)
    assert promised_size(body, "image/webp") == size


@pytest.mark.parametrize(("format", "media_type"), [("AVIF", "image/avif"), ("HEIF", "image/heic")])
def test_heif(format: str, media_type: str) -> None:
    """AVIF and HEIC say their size in a box; of several the largest counts."""
    body = encoded(photograph().resize((128, 64)), format)
    assert promised_size(body, media_type) == (128, 64)
    box = b"\0\0\0\x14ispe" + bytes(4)
    larger = box + (100_000).to_bytes(4, "big") * 2
    assert promised_size(body + larger + larger.replace(b"\1", b"\0"), media_type) == (100_000, 100_000)
    assert promised_size(body + larger.replace(b"\x14", b"\x15"), media_type) == (128, 64)


@pytest.mark.parametrize("options", [{}, {"no_jp2": True}, {"offset": (10, 20), "tile_size": (64, 64)}])
def test_jpeg_2000(options: dict[str, object]) -> None:
    """The codestream says its size, in a container or bare, and less where it lies on its grid."""
    assert promised_size(encoded(photograph().resize((65, 34)), "JPEG2000", **options), "image/jp2") == (65, 34)


def test_icons() -> None:
    """An icon says the size of its largest picture."""
    assert promised_size(encoded(photograph().resize((48, 48)), "ICO"), "image/x-icon") == (48, 48)


def test_others_promise_nothing() -> None:
    """Formats whose headers are read without allocating need no second reader."""
    assert promised_size(encoded(photograph(), "PNG"), "image/png") == (0, 0)


@given(st.binary(max_size=60), st.sampled_from(list(MAGIC)))
def test_any_bytes_have_an_answer(body: bytes, media_type: str) -> None:
    """Hostile headers promise a size that is not negative, and raise nothing."""
    assert all(side >= 0 for side in promised_size(MAGIC[media_type] + body, media_type))

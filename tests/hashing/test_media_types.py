"""The media type follows from the first bytes alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.hashing.pictures import FORMATS, encoded, photograph

from edgeward.hashing.media_types import SNIFF_BYTES, sniff

SIGNATURES = {
    b"\xff\xd8\xff\xdb": "image/jpeg",
    b"GIF87a": "image/gif",
    b"RIFF\x01\x02\x03\x04WEBPVP8L": "image/webp",
    b"MM\0*\0\0\0\x08": "image/tiff",
    b"II+\0\x08\0\0\0": "image/tiff",
    b"\0\0\0\x1cftypavif\0\0\0\0mif1avifmiaf": "image/avif",
    b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif": "image/avif",
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic": "image/heic",
    b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic": "image/heic",
    b"\xff\x0a\xfa\x7f": "image/jxl",
    b"\0\0\0\x0cJXL \r\n\x87\n": "image/jxl",
    b"\0\0\0\x0cjP  \r\n\x87\n": "image/jp2",
    b"\xff\x4f\xff\x51\0": "image/jp2",
    b"8BPS\0\x01\0\0": "image/vnd.adobe.photoshop",
    b"II\xbc\x01": "image/jxr",
    b"\0\0\x01\0\x01\0" + bytes(16): "image/x-icon",
    b"\0\0\x02\0\x01\0" + bytes(16): "image/x-icon",
}
NO_IMAGES = (
    b"",
    b"\xff\xd8",
    b"  \x89PNG\r\n\x1a\n",
    b"<!doctype html><img>",
    b"BM",
    b"BMW makes cars, and this is a text about them",
    b"RIFF\x01\x02\x03\x04WAVEfmt ",
    b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    b"\0\0\0\x10ftypmp42\0\0\0\0avif",
    b"\0\0\x01\0\0\0" + bytes(16),
    b"\0\0\x01\xb3" + bytes(40),
    b"%PDF-1.7",
)


@pytest.mark.parametrize(("media_type", "format"), FORMATS.items())
def test_files_written_by_pillow_are_recognised(media_type: str, format: str) -> None:
    """Every format that can be decoded is recognised by the first SNIFF_BYTES of a real file."""
    assert sniff(encoded(photograph().resize((32, 24)), format)[:SNIFF_BYTES]) == media_type


@pytest.mark.parametrize(("prefix", "media_type"), SIGNATURES.items())
def test_signatures(prefix: bytes, media_type: str) -> None:
    """Signatures of formats that can and can't be decoded are told apart."""
    assert sniff(prefix) == media_type


@pytest.mark.parametrize("prefix", NO_IMAGES)
def test_bytes_that_are_no_image(prefix: bytes) -> None:
    """Text, video, cut signatures and signatures after white space are not images, as for a browser."""
    assert sniff(prefix) is None


@pytest.mark.parametrize("brands", [20, 55])
def test_a_brand_may_come_last(brands: int) -> None:
    """All brands of a file are read: an image brand behind others still counts."""
    names = b"".join(b"x%03d" % number for number in range(brands)) + b"avif"
    box = b"ftypmif9\0\0\0\0" + names
    assert sniff((len(box) + 4).to_bytes(4, "big") + box) == "image/avif"


def test_a_container_of_jpeg_xl_and_a_bare_codestream_of_jpeg_2000() -> None:
    """Both formats are written in two ways, and both are recognised."""
    picture = photograph().resize((32, 32))
    assert sniff(encoded(picture, "JXL", usecontainer=True)) == "image/jxl"
    assert sniff(encoded(picture, "JPEG2000", no_jp2=True)) == "image/jp2"


@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer(prefix: bytes) -> None:
    """Sniffing never raises, and looks at no byte beyond SNIFF_BYTES."""
    assert sniff(prefix) == sniff(prefix[:SNIFF_BYTES])


def test_bitmaps_with_every_size_of_header() -> None:
    """A bitmap with an OS/2 header is recognised; "BM" with an unknown header size is not."""
    bitmap = bytearray(encoded(Image.new("RGB", (2, 2)), "BMP"))
    for size, media_type in ((12, "image/bmp"), (124, "image/bmp"), (13, None), (0x20202020, None)):
        bitmap[14:18] = size.to_bytes(4, "little")
        assert sniff(bytes(bitmap)) == media_type

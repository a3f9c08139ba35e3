"""The largest picture of an icon or cursor, in any encoding."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.hashing.pictures import encoded, photograph

from edgeward.hashing.decoding.icons import icon_size, open_icon


def directory(*entries: tuple[int, int, bytes], kind: int = 1) -> bytes:
    """An icon of (side, bits, picture)."""
    start = 6 + 16 * len(entries)
    head = bytes([0, 0, kind, 0, len(entries), 0])
    data = b""
    for side, bits, picture in entries:
        lie = bytes([side % 256, side % 256, 0, 0, 1, 0]) + bits.to_bytes(2, "little")
        head += lie + len(picture).to_bytes(4, "little") + (start + len(data)).to_bytes(4, "little")
        data += picture
    return head + data


def bitmap(picture: Image.Image, mask: int = 0x00) -> bytes:
    """A DIB as icons have it: of twice the height, with the mask below."""
    rows = len(range(picture.height)) * ((picture.width + 31) // 32 * 4)
    dib = bytearray(encoded(picture, "DIB"))
    dib[8:12] = (2 * picture.height).to_bytes(4, "little")
    return bytes(dib) + bytes([mask]) * rows


def opened(body: bytes) -> Image.Image:
    image = open_icon(io.BytesIO(body))
    image.load()
    return image


def same(one: Image.Image, other: Image.Image) -> bool:
    return bool((np.asarray(one.convert("RGB")) == np.asarray(other.convert("RGB"))).all())


LARGE, SMALL = photograph().resize((64, 64)), photograph("coffee").resize((32, 32))


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("write", [bitmap, lambda picture: encoded(picture, "PNG")])
def test_the_largest_is_shown(kind: int, write: object) -> None:
    """Icons and cursors, of PNG files and of bitmaps: the largest picture, at any place in the directory."""
    assert callable(write)
    for entries in ([(64, 24, write(LARGE)), (32, 24, write(SMALL))], [(32, 24, write(SMALL)), (64, 24, write(LARGE))]):
        body = directory(*entries, kind=kind)
        assert icon_size(body) == (64, 64)
        assert same(opened(body), LARGE)


def test_256_is_written_as_0() -> None:
    """A side of 0 in the directory means 256."""
    large = photograph().resize((256, 256))
    assert same(opened(directory((32, 32, encoded(SMALL, "PNG")), (256, 32, encoded(large, "PNG")))), large)


def test_of_one_size_the_one_with_most_colours_is_shown() -> None:
    """Of pictures of one size, the one with most colours is shown."""
    decoy = Image.new("1", (64, 64))
    for entries in ((1, bitmap(decoy)), (24, bitmap(LARGE))), ((24, bitmap(LARGE)), (1, bitmap(decoy))):
        assert same(opened(directory(*((64, bits, data) for bits, data in entries))), LARGE)
        cursor = directory(*((64, 0, data) for _, data in entries), kind=2)
        assert same(opened(cursor), LARGE)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL.*")
def test_sizes_in_the_directory_may_be_wrong() -> None:
    """The size is what the picture itself declares, before anything is decoded."""
    assert icon_size(directory((16, 32, encoded(photograph(), "PNG")))) == photograph().size
    assert icon_size(directory((16, 24, bitmap(photograph())))) == photograph().size
    assert opened(directory((16, 24, bitmap(photograph())))).size == photograph().size


def test_bits_in_the_directory_may_be_wrong() -> None:
    """A bitmap of 24 bits that the directory calls 32 bits gets no alpha channel."""
    assert same(opened(directory((64, 32, bitmap(LARGE)))), LARGE)


def test_a_mask_is_transparency() -> None:
    """Pixels under a set mask bit are transparent, also if more bytes follow the mask."""
    for tail in (b"", b"and more"):
        masked = opened(directory((64, 24, bitmap(LARGE, mask=0xFF) + tail)))
        assert masked.getchannel("A").getextrema() == (0, 0)


def test_bitmaps_of_32_bits_have_an_alpha_channel() -> None:
    """The fourth byte of a pixel is its opacity."""
    picture = LARGE.convert("RGBA")
    picture.putalpha(128)
    found = opened(directory((64, 32, bitmap(picture))))
    assert same(found, LARGE)
    assert found.getchannel("A").getextrema() == (128, 128)


@pytest.mark.parametrize("picture", [b"", b"\x28\0\0\0", b"GIF89a" + bytes(60), encoded(SMALL, "JPEG")])
def test_entries_that_are_no_picture(picture: bytes) -> None:
    """An entry that is neither a PNG nor a bitmap is not tried, and has no size."""
    body = directory((32, 24, picture))
    assert icon_size(body) == (0, 0)
    with pytest.raises(SyntaxError):
        open_icon(io.BytesIO(body))


def test_a_full_directory_costs_little() -> None:
    """65535 entries that all point at the whole file are not copied."""
    entry = bytes([32, 32, 0, 0, 1, 0, 24, 0]) + (2**32 - 1).to_bytes(4, "little") + bytes(4)
    assert icon_size(b"\0\0\1\0\xff\xff" + 65535 * entry) == (0, 0)


@given(st.binary(max_size=120))
def test_any_bytes_have_a_size(data: bytes) -> None:
    """Hostile icons have a size that is not negative, and raise nothing."""
    assert all(side >= 0 for side in icon_size(b"\0\0\1\0\2\0" + data))

"""Bitmaps that browsers show and Pillow does not read."""

import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.hashing.pictures import encoded, photograph

from edgeward.hashing.decoding.bitmaps import open_bitmap

SIZE = (61, 40)


def picture() -> Image.Image:
    return photograph().resize(SIZE)


def with_header(size: int) -> bytes:
    """A bitmap of 24 bits with a header of `size` bytes."""
    body = encoded(picture(), "BMP")
    header = size.to_bytes(4, "little") + body[18:54].ljust(60, b"\0")[: size - 4]
    return body[:10] + (14 + size).to_bytes(4, "little") + header + body[54:]


def with_masks(bits: int, masks: tuple[int, int, int], top_down: bool = False) -> bytes:
    """A bitmap with these masks for red, green and blue."""
    levels = np.asarray(picture()).astype(np.uint64)
    values = np.zeros(levels.shape[:2], dtype=np.uint64)
    for channel, mask in enumerate(masks):
        shift = (mask & -mask).bit_length() - 1
        values |= np.rint(levels[..., channel] * (mask >> shift) / 255).astype(np.uint64) << np.uint64(shift)
    rows = values if top_down else values[::-1]
    rows = np.pad(rows, ((0, 0), (0, rows.shape[1] * bits // 8 % 4 // 2))).astype(f"<u{bits // 8}")
    height = (-SIZE[1] if top_down else SIZE[1]).to_bytes(4, "little", signed=True)
    info = (40).to_bytes(4, "little") + SIZE[0].to_bytes(4, "little") + height
    info += b"\1\0" + bits.to_bytes(2, "little") + b"\3\0\0\0" + bytes(20)
    info += b"".join(mask.to_bytes(4, "little") for mask in masks)
    return b"BM" + bytes(8) + (14 + len(info)).to_bytes(4, "little") + info + rows.tobytes()


def error(body: bytes) -> int:
    found = open_bitmap(io.BytesIO(body)).convert("RGB")
    assert found.size == SIZE
    return int(np.abs(np.asarray(found, dtype=int) - np.asarray(picture(), dtype=int)).max())


@pytest.mark.parametrize("size", [16, 20, 36, 40, 42, 44, 46, 48, 60, 64])
def test_every_header_of_os_2(size: int) -> None:
    """A header may end after any field: fields left out are zero."""
    assert error(with_header(size)) == 0


@pytest.mark.parametrize("masks", [(0xFF00, 0xFF, 0xFF0000), (0x3FF00000, 0xFFC00, 0x3FF), (0xFF0000, 0xFF00, 0xFF)])
@pytest.mark.parametrize("top_down", [False, True])
def test_masks_of_32_bits(masks: tuple[int, int, int], top_down: bool) -> None:
    """Colours in any order and of any depth, stored from the bottom up or from the top down."""
    assert error(with_masks(32, masks, top_down)) <= 1


@pytest.mark.parametrize("masks", [(0xF00, 0xF0, 0xF), (0x1F, 0x7E0, 0xF800), (0xF800, 0x7E0, 0x1F)])
def test_masks_of_16_bits(masks: tuple[int, int, int]) -> None:
    """With fewer bits the colours are coarser."""
    assert error(with_masks(16, masks)) <= 9


def test_a_declared_size_is_not_allocated() -> None:
    """A header that declares 2^31 rows gives as many as the file has; its declared size is refused elsewhere."""
    body = with_masks(32, (0xFF00, 0xFF, 0xFF0000))
    body = body[:22] + (2**31 - 1).to_bytes(4, "little") + body[26:]
    assert open_bitmap(io.BytesIO(body)).size == (SIZE[0], 2**31 - 1)


@given(st.binary(min_size=14, max_size=90), st.sampled_from([16, 40, 46, 56]))
def test_any_bytes_are_read_or_refused(data: bytes, size: int) -> None:
    """Hostile headers give an expected error, or a picture."""
    body = b"BM" + data[:12] + size.to_bytes(4, "little") + data[12:]
    with suppress(SyntaxError, OSError, ValueError):
        assert open_bitmap(io.BytesIO(body)).size

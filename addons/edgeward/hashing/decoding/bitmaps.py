"""Bitmaps (BMP) that browsers show and Pillow does not read, rewritten as ones that it does.

They have headers of OS/2 2.x, which take 16 to 64 bytes and agree with Windows' 40 bytes as far as both go; or pixels
of 16 or 32 bits with their own colour masks (BI_BITFIELDS), of which Pillow knows only a dozen.
"""

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.BmpImagePlugin import BmpImageFile

_FILE_HEADER, _INFO_HEADER = 14, 40
"""Bytes of the file header and of Windows' BITMAPINFOHEADER."""
_PILLOW_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
_BITFIELDS = 3
_MASK_OFFSETS = (62, 58, 54)
"""Of the masks of blue, green and red."""


class _Header(NamedTuple):
    """The fields of BITMAPINFOHEADER that say how pixels are stored."""

    width: int
    height: int
    bits: int
    compression: int


def open_bitmap(file: io.BytesIO) -> BmpImageFile:
    """A bitmap as Pillow reads it. Takes a few times the file's size in memory, whatever size its header declares.

    Raises:
        SyntaxError, OSError, ValueError: it can't be read.
    """
    body = _with_known_header(file.getvalue())
    try:
        return BmpImageFile(io.BytesIO(body))
    except OSError:
        return BmpImageFile(io.BytesIO(_without_masks(body)))


def _with_known_header(body: bytes) -> bytes:
    """`body` with an OS/2 header cut or padded to Windows' 40 bytes."""
    size = _number(body, _FILE_HEADER)
    if size in _PILLOW_HEADER_SIZES or size < 16:
        return body
    header = _INFO_HEADER.to_bytes(4, "little") + body[_FILE_HEADER + 4 : _FILE_HEADER + min(size, _INFO_HEADER)].ljust(
        _INFO_HEADER - 4, b"\0"
    )
    start = max(_number(body, 10) + _INFO_HEADER - size, 0)
    return body[:10] + start.to_bytes(4, "little") + header + body[_FILE_HEADER + size :]


def _without_masks(body: bytes) -> bytes:
    """`body` with its pixels as 32 bits: blue, green, red, and an unused byte. Unchanged if it has no masks."""
    header = _Header(_number(body, 18), _number(body, 22, signed=True), _number(body, 28, 2), _number(body, 30))
    if header.compression != _BITFIELDS or header.bits not in (16, 32):
        return body
    values = _pixel_values(body[_number(body, 10) :], header)
    pixels = np.zeros((*values.shape, 4), dtype=np.uint8)
    for channel, at in enumerate(_MASK_OFFSETS):
        pixels[..., channel] = _channel(values, _number(body, at))
    head = b"BM" + bytes(8) + (_FILE_HEADER + _INFO_HEADER).to_bytes(4, "little") + _INFO_HEADER.to_bytes(4, "little")
    return head + body[18:26] + b"\1\0\x20\0" + bytes(24) + pixels.tobytes()


def _pixel_values(data: bytes, header: _Header) -> NDArray[np.uint32]:
    """The pixels as numbers, rows x width; a cut-off file has fewer rows."""
    per_row = (header.width * header.bits + 31) // 32 * 32 // header.bits
    rows = min(abs(header.height), len(data) * 8 // (max(per_row, 1) * header.bits))
    values = np.frombuffer(data, dtype=f"<u{header.bits // 8}", count=rows * per_row)
    return values.reshape(rows, per_row)[:, : header.width].astype(np.uint32)


def _channel(values: NDArray[np.uint32], mask: int) -> NDArray[np.uint8]:
    """The bits under the mask, scaled to 0..255."""
    if not mask:
        return np.zeros(values.shape, dtype=np.uint8)
    levels = (values & np.uint32(mask)) // np.uint32(mask & -mask)
    return np.rint(levels * np.float32(255 / (mask // (mask & -mask)))).astype(np.uint8)


def _number(data: bytes, at: int, size: int = 4, signed: bool = False) -> int:
    return int.from_bytes(data[at : at + size], "little", signed=signed)

"""Bitmaps (BMP) of the kinds that browsers show and Pillow does not read: rewritten as ones that it does.

Those are headers of OS/2 2.x, of 16 to 64 bytes, which agree with Windows' of 40 as far as both go; and pixels of 16 or
32 bits whose colours are given by masks of their own (BI_BITFIELDS), of which Pillow knows a dozen.
"""

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.BmpImagePlugin import BmpImageFile

_FILE, _INFO = 14, 40
_READ_BY_PILLOW = (12, 40, 52, 56, 64, 108, 124)
_BITFIELDS = 3
_MASKS = (62, 58, 54)
"""Where those of blue, green and red stand."""


class _Header(NamedTuple):
    """The header of 40 bytes, as far as it says how pixels lie."""

    width: int
    height: int
    bits: int
    compression: int


def open_bitmap(file: io.BytesIO) -> BmpImageFile:
    """A bitmap as Pillow reads it. What is made for that is a few times as large as the file, whatever it promises.

    Raises:
        SyntaxError, OSError, ValueError: it can't be read.
    """
    body = _with_known_header(file.getvalue())
    try:
        return BmpImageFile(io.BytesIO(body))
    except OSError:
        return BmpImageFile(io.BytesIO(_without_masks(body)))


def _with_known_header(body: bytes) -> bytes:
    size = _number(body, _FILE)
    if size in _READ_BY_PILLOW or size < 16:
        return body
    header = _INFO.to_bytes(4, "little") + body[_FILE + 4 : _FILE + min(size, _INFO)].ljust(_INFO - 4, b"\0")
    start = max(_number(body, 10) + _INFO - size, 0)
    return body[:10] + start.to_bytes(4, "little") + header + body[_FILE + size :]


def _without_masks(body: bytes) -> bytes:
    """As 32 bits, blue first, of which the fourth byte means nothing."""
    header = _Header(_number(body, 18), _number(body, 22, signed=True), _number(body, 28, 2), _number(body, 30))
    if header.compression != _BITFIELDS or header.bits not in (16, 32):
        return body
    values = _values(body[_number(body, 10) :], header)
    pixels = np.zeros((*values.shape, 4), dtype=np.uint8)
    for channel, at in enumerate(_MASKS):
        pixels[..., channel] = _channel(values, _number(body, at))
    head = b"BM" + bytes(8) + (_FILE + _INFO).to_bytes(4, "little") + _INFO.to_bytes(4, "little")
    return head + body[18:26] + b"\1\0\x20\0" + bytes(24) + pixels.tobytes()


def _values(data: bytes, header: _Header) -> NDArray[np.uint32]:
    """The pixels as numbers, rows x width, as many rows as are there."""
    per_row = (header.width * header.bits + 31) // 32 * 32 // header.bits
    rows = min(abs(header.height), len(data) * 8 // (max(per_row, 1) * header.bits))
    values = np.frombuffer(data, dtype=f"<u{header.bits // 8}", count=rows * per_row)
    return values.reshape(rows, per_row)[:, : header.width].astype(np.uint32)


def _channel(values: NDArray[np.uint32], mask: int) -> NDArray[np.uint8]:
    """The bits under the mask as 0..255."""
    if not mask:
        return np.zeros(values.shape, dtype=np.uint8)
    levels = (values & np.uint32(mask)) // np.uint32(mask & -mask)
    return np.rint(levels * np.float32(255 / (mask // (mask & -mask)))).astype(np.uint8)


def _number(data: bytes, at: int, size: int = 4, signed: bool = False) -> int:
    return int.from_bytes(data[at : at + size], "little", signed=signed)

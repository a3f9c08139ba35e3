"""Icons and cursors: a directory of pictures. Browsers show the largest, and of equal sizes the one with most colours.

A picture is a PNG file, or a bitmap (DIB) without a file header and of twice the height, whose lower half is a mask of
one bit per pixel ("Icons in Win32", Microsoft, 1995). Its size is what the picture itself declares; the directory may
say otherwise.
"""

import io
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image
from PIL.IcoImagePlugin import IcoImageFile
from PIL.PngImagePlugin import PngImageFile

_HEADER_BYTES, _ENTRY_BYTES = 6, 16
_PNG = b"\x89PNG\r\n\x1a\n"
_CURSOR = 2
_DIB_HEADERS = range(40, 125)


class _Entry(NamedTuple):
    """A picture in the directory: width x height, bits per pixel, and its offsets in the file."""

    pixels: int
    bits: int
    start: int
    end: int


def icon_size(body: bytes) -> tuple[int, int]:
    """Width and height in pixels of the picture that browsers show; (0, 0) if there is none."""
    picture = _largest(body)
    if picture.startswith(_PNG):
        return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
    return (_number(picture, 4), abs(_number(picture, 8, signed=True)) // 2) if _is_dib(picture) else (0, 0)


def open_icon(file: io.BytesIO) -> Image.Image:
    """The picture that browsers show. Check `icon_size` first: a bitmap is decoded as it is opened.

    Raises:
        SyntaxError, ValueError, OSError: there is none, or it is broken.
    """
    picture = _largest(file.getvalue())
    if picture.startswith(_PNG):
        return PngImageFile(io.BytesIO(picture))
    if not _is_dib(picture):
        raise SyntaxError("no picture in the icon")
    return IcoImageFile(io.BytesIO(_single_icon(picture)))


def _largest(body: bytes) -> bytes:
    entry = max(_entries(body), key=lambda entry: entry[:2], default=_Entry(0, 0, 0, 0))
    return body[entry.start : entry.end]


def _entries(body: bytes) -> Iterator[_Entry]:
    """The directory. A side of 0 means 256; a cursor has its hot spot where an icon has its bits per pixel."""
    cursor = _number(body, 2, 2) == _CURSOR
    for at in range(
        _HEADER_BYTES,
        min(_HEADER_BYTES + _ENTRY_BYTES * _number(body, 4, 2), len(body) - _ENTRY_BYTES + 1),
        _ENTRY_BYTES,
    ):
        start = _number(body, at + 12)
        bits = _bits(body[start : start + 16]) if cursor else _number(body, at + 6, 2)
        yield _Entry((body[at] or 256) * (body[at + 1] or 256), bits, start, start + _number(body, at + 8))


def _single_icon(dib: bytes) -> bytes:
    """The bitmap as an icon with one picture and a directory that agrees with it. Bytes after the mask are cut off."""
    width, height, bits = _number(dib, 4), abs(_number(dib, 8, signed=True)) // 2, _bits(dib)
    palette = 4 * (_number(dib, 32) or 1 << bits) if bits <= 8 else 0
    rows = height * (_row_bytes(width * bits) + _row_bytes(width))
    dib = dib[: _number(dib, 0) + palette + rows]
    sides = bytes(side if side < 256 else 0 for side in (width, height))
    directory = b"\0\0\1\0\1\0" + sides + b"\0\0\1\0" + bits.to_bytes(2, "little")
    return directory + len(dib).to_bytes(4, "little") + (_HEADER_BYTES + _ENTRY_BYTES).to_bytes(4, "little") + dib


def _row_bytes(bits: int) -> int:
    """Bytes of a row: padded to a multiple of 32 bits."""
    return (bits + 31) // 32 * 4


def _is_dib(picture: bytes) -> bool:
    return len(picture) > _DIB_HEADERS.start and _number(picture, 0) in _DIB_HEADERS


def _bits(dib: bytes) -> int:
    return _number(dib, 14, 2)


def _number(data: bytes, at: int, size: int = 4, signed: bool = False) -> int:
    return int.from_bytes(data[at : at + size], "little", signed=signed)

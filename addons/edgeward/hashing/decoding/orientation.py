"""How to turn a picture upright, by its Exif data alone."""

from itertools import islice

UPRIGHT = 1
"""The orientation of a picture that has none, or an invalid one."""

_TAG = 0x0112
_SHORT = 3
_ENTRY_BYTES = 12
_MAX_ENTRIES = 1000
"""Entries that are searched. Cameras write fewer than a tenth of that."""


def orientation(exif: bytes) -> int:
    """The orientation (Exif 2.32, 4.6.4), 1 (upright) to 8, in Exif data with or without "Exif\\0\\0" before it."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(tiff[:4])
    if order is None:
        return UPRIGHT

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if order == "little" else "big")

    start = number(4, 4)
    entries = range(start + 2, min(start + 2 + _ENTRY_BYTES * number(start, 2), len(tiff)), _ENTRY_BYTES)
    for at in islice(entries, _MAX_ENTRIES):
        if number(at, 2) == _TAG:
            value = number(at + 8, 2) if (number(at + 2, 2), number(at + 4, 4)) == (_SHORT, 1) else UPRIGHT
            return value if UPRIGHT <= value <= 8 else UPRIGHT
    return UPRIGHT

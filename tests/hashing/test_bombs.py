"""Small files that declare huge sizes, or are not what they seem: each gets a verdict and takes little memory."""

import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from tests.hashing.pictures import FORMATS, encoded, jpeg, photograph

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.media_types import sniff
from edgeward.settings.config import HashingSettings
from edgeward.types import Flaw

SETTINGS = HashingSettings(signals=("sha256", "pdq"))
SIDE = 100_000
SIZE = (40, 24)
SOURCE = str(Path(__file__).parents[2] / "addons")


def patched(body: bytes, old: bytes, new: bytes, after: bytes = b"") -> bytes:
    """`body` with the first `old` that follows `after` replaced."""
    at = body.index(old, body.index(after))
    return body[:at] + new + body[at + len(old) :]


def both(order: Literal["little", "big"], size: int, sides: tuple[int, int] = SIZE) -> bytes:
    return b"".join(side.to_bytes(size, order) for side in sides)


def huge_png() -> bytes:
    body = patched(small("PNG"), both("big", 4), both("big", 4, (SIDE, SIDE)))
    return body[:29] + zlib.crc32(body[12:29]).to_bytes(4, "big") + body[33:]


def huge_tiff() -> bytes:
    body = small("TIFF")
    for tag, side in ((256, SIZE[0]), (257, SIZE[1])):
        entry = tag.to_bytes(2, "little") + b"\4\0\1\0\0\0"
        short = tag.to_bytes(2, "little") + b"\3\0\1\0\0\0"
        found = entry if entry in body else short
        body = patched(body, side.to_bytes(4, "little"), SIDE.to_bytes(4, "little"), found)
        body = body.replace(found, entry)
    return body


def huge_jxl() -> bytes:
    side = 0b11 | (2**30 - 1) << 2
    return b"\xff\x0a" + ((side << 1 | side << 36) | 1 << 68).to_bytes(20, "little")


def huge_jpeg_2000() -> bytes:
    body = patched(small("JPEG2000"), both("big", 4), both("big", 4, (SIDE, SIDE)), b"\xff\x4f\xff\x51")
    return patched(body, both("big", 4, SIZE[::-1]), both("big", 4, (SIDE, SIDE)), b"ihdr")


def icon(picture: bytes) -> bytes:
    directory = b"\0\0\1\0\1\0" + bytes([16, 16, 0, 0, 1, 0, 24, 0])
    return directory + len(picture).to_bytes(4, "little") + (22).to_bytes(4, "little") + picture


def picture() -> Image.Image:
    return photograph().resize(SIZE)


def small(format: str) -> bytes:
    return encoded(picture(), format)


def ispe(format: str) -> bytes:
    body = small(format)
    at = body.index(b"ispe") + 8
    return body[:at] + both("big", 4, (SIDE, SIDE)) + body[at + 8 :]


HUGE: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: patched(small("JPEG"), both("big", 2, SIZE[::-1]), b"\xff\xff" * 2, b"\xff\xc0"),
    "PNG": huge_png,
    "GIF": lambda: patched(small("GIF"), both("little", 2), b"\xff\xff" * 2),
    "WEBP": lambda: b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\xff\xff" * 2 + bytes(42),
    "AVIF": lambda: ispe("AVIF"),
    "HEIF": lambda: ispe("HEIF"),
    "JXL": huge_jxl,
    "JPEG2000": huge_jpeg_2000,
    "TIFF": huge_tiff,
    "BMP": lambda: patched(small("BMP"), both("little", 4), both("little", 4, (SIDE, SIDE))),
    "ICO": lambda: icon(patched(small("DIB"), both("little", 4), both("little", 4, (SIDE, SIDE)))),
    "ICO of PNG": lambda: icon(huge_png()),
}

MEASURED = """
import resource, sys
from pathlib import Path
from edgeward.settings.config import HashingSettings
from edgeward.hashing.fingerprint import fingerprint

def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def flaws(paths):
    settings = HashingSettings(signals=("sha256", "pdq"))
    return [str(fingerprint(Path(path).read_bytes(), settings).flaw) for path in paths]

plain, *others = sys.argv[1:]
flaws([plain])
before = used()
print(*flaws(others), used() - before)
"""


def test_declared_pixels_take_no_memory(tmp_path: Path) -> None:
    """100,000 x 100,000 pixels, or as many as a format can declare, are refused by the header, in every format."""
    assert {name.split()[0] for name in HUGE} == set(FORMATS.values())
    paths = [tmp_path / name for name in ("plain", *HUGE)]
    for path, body in zip(paths, (jpeg(), *(make() for make in HUGE.values())), strict=True):
        path.write_bytes(body)
    command = [sys.executable, "-W", "ignore", "-c", MEASURED, *paths]
    *flaws, kilobytes = subprocess.run(
        command, env={"PYTHONPATH": SOURCE}, capture_output=True, text=True, check=True
    ).stdout.split()
    assert dict(zip(HUGE, flaws, strict=True)) == dict.fromkeys(HUGE, "too_many_pixels")
    assert int(kilobytes) < 16 * 1024


def test_tiles_larger_than_their_picture() -> None:
    """A TIFF of 16 x 16 pixels in one tile of 65,536 x 65,536 is refused before memory for the tile is allocated."""
    tags = (
        (256, 16),
        (257, 16),
        (258, 8),
        (259, 5),
        (262, 1),
        (277, 1),
        (322, 65536),
        (323, 65536),
        (324, 8),
        (325, 9),
    )
    entries = b"".join(tag.to_bytes(2, "little") + b"\4\0\1\0\0\0" + value.to_bytes(4, "little") for tag, value in tags)
    body = b"II*\0\x18\0\0\0" + bytes(16) + len(tags).to_bytes(2, "little") + entries + bytes(4)
    assert fingerprint(body, SETTINGS).flaw is Flaw.TOO_MANY_PIXELS


def test_twelve_bits_are_refused_cleanly() -> None:
    """A JPEG of 12 bits, which no browser shows, is UNDECODABLE; its digests are known."""
    levels = np.asarray(picture()).astype(np.uint16) * 16
    found = fingerprint(bytes(imagecodecs.jpeg8_encode(levels, bitspersample=12)), SETTINGS)
    assert (found.flaw, found.media_type) == (Flaw.UNDECODABLE, "image/jpeg")
    assert [signal.type for signal in found.signals] == ["sha256"]


@pytest.mark.parametrize("format", FORMATS.values())
def test_one_format_under_the_name_of_another(format: str) -> None:
    """The first bytes of each format followed by another format, by nothing or by noise: a flaw, or not an image."""
    head = small(format)[:16]
    for rest in (b"", bytes(200), b"<html>" * 50, small("PNG" if format != "PNG" else "JPEG")):
        found = fingerprint(head + rest, SETTINGS)
        assert found.flaw in (Flaw.UNDECODABLE, Flaw.TOO_MANY_PIXELS) or not sniff(head + rest), rest


@pytest.mark.parametrize("format", FORMATS.values())
def test_a_file_cut_at_any_point(format: str) -> None:
    """A file that is cut off anywhere gets a fingerprint, with the digests of the bytes there are."""
    body = small(format)
    for end in range(0, len(body), max(1, len(body) // 24)):
        found = fingerprint(body[:end], SETTINGS)
        assert found.size == end
        assert found.flaw in (None, Flaw.UNDECODABLE, Flaw.TOO_MANY_PIXELS, Flaw.FLAT, Flaw.TOO_SMALL)


def test_icons_in_icons() -> None:
    """An icon inside an icon is not decoded."""
    nested = encoded(picture(), "ICO")
    for _ in range(50):
        nested = icon(nested)
    assert fingerprint(nested, SETTINGS).flaw is Flaw.UNDECODABLE


def test_a_page_that_is_also_a_gif() -> None:
    """A body that begins as an image is hashed as one, whatever else it may be read as."""
    body = small("GIF") + b"<script>alert(1)</script>"
    found = fingerprint(body, HashingSettings(signals=("sha256", "pdq"), min_quality=0))
    assert (found.media_type, found.flaw) == ("image/gif", None)
    assert [signal.type for signal in found.signals][:2] == ["sha256", "pdq"]

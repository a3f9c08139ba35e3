"""What a classifier is shown: the image as a viewer sees it first."""

import gzip

import pytest
from PIL import Image
from tests.hashing.pictures import animated, encoded, photograph

from edgeward.classifying.picture import shown
from edgeward.config import HashingSettings
from edgeward.hashing.codings import CodingError
from edgeward.hashing.decoding.images import TooManyPixels

SETTINGS = HashingSettings()
PICTURE = photograph().resize((96, 64))


def same(one: Image.Image, other: Image.Image = PICTURE) -> bool:
    return (one.mode, one.size, one.tobytes()) == (other.mode, other.size, other.tobytes())


def test_it_is_rgb_whatever_was_sent() -> None:
    """Codings are undone, and grey pictures have three channels."""
    assert same(shown(encoded(PICTURE, "PNG"), (), SETTINGS))
    assert same(shown(gzip.compress(encoded(PICTURE, "PNG")), ("gzip",), SETTINGS))
    grey = shown(encoded(PICTURE.convert("L"), "PNG"), (), SETTINGS)
    assert (grey.mode, grey.size) == ("RGB", (96, 64))


def test_it_is_the_right_way_up() -> None:
    """EXIF orientation is undone."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = PICTURE.transpose(Image.Transpose.ROTATE_90)
    assert same(shown(encoded(turned, "PNG", exif=exif), (), SETTINGS))


def test_what_is_transparent_is_white() -> None:
    """As on a page in a browser."""
    clear = Image.new("RGBA", (64, 64), (10, 20, 30, 0))
    assert shown(encoded(clear, "PNG"), (), SETTINGS).getcolors() == [(64 * 64, (255, 255, 255))]


def test_of_several_frames_it_is_the_first() -> None:
    """Which is good beyond its file."""
    other = Image.new("RGB", PICTURE.size, "red")
    assert same(shown(animated([PICTURE, other], "PNG"), (), SETTINGS))


def test_of_a_broken_file_it_is_what_is_there() -> None:
    """As browsers show it."""
    body = encoded(PICTURE, "JPEG")
    assert shown(body[: len(body) * 2 // 3], (), SETTINGS).size == (96, 64)


def test_the_limits_are_the_hashers() -> None:
    """No image, none within the limits, or none under its codings: an error."""
    with pytest.raises(ValueError, match="no image"):
        shown(b"no image", (), SETTINGS)
    with pytest.raises(CodingError):
        shown(encoded(PICTURE, "PNG"), ("gzip",), SETTINGS)
    with pytest.raises(TooManyPixels):
        shown(encoded(PICTURE, "PNG"), (), HashingSettings(max_pixels=4096))

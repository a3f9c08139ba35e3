"""What a classifier gets: the image as a viewer first sees it."""

import gzip
from functools import cache

import pytest
from PIL import Image
from tests.hashing.pictures import animated, encoded, photograph

from edgeward.classifying.input_image import decode_picture
from edgeward.hashing.content_codings import CodingError
from edgeward.hashing.decoding.images import TooManyPixels
from edgeward.settings.config import HashingSettings

SETTINGS = HashingSettings()


@cache
def picture() -> Image.Image:
    return photograph().resize((96, 64))


def same(one: Image.Image) -> bool:
    """Whether it is `picture()`."""
    other = picture()
    return (one.mode, one.size, one.tobytes()) == (other.mode, other.size, other.tobytes())


def test_it_is_rgb_whatever_was_sent() -> None:
    """Codings are decoded, and grey pictures get three channels."""
    assert same(decode_picture(encoded(picture(), "PNG"), (), SETTINGS))
    assert same(decode_picture(gzip.compress(encoded(picture(), "PNG")), ("gzip",), SETTINGS))
    grey = decode_picture(encoded(picture().convert("L"), "PNG"), (), SETTINGS)
    assert (grey.mode, grey.size) == ("RGB", (96, 64))


def test_it_is_upright() -> None:
    """The EXIF orientation is applied."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = picture().transpose(Image.Transpose.ROTATE_90)
    assert same(decode_picture(encoded(turned, "PNG", exif=exif), (), SETTINGS))


def test_what_is_transparent_is_white() -> None:
    """As on a page in a browser."""
    clear = Image.new("RGBA", (64, 64), (10, 20, 30, 0))
    assert decode_picture(encoded(clear, "PNG"), (), SETTINGS).getcolors() == [(64 * 64, (255, 255, 255))]


def test_of_several_frames_it_is_the_first() -> None:
    """Also after the file is closed."""
    other = Image.new("RGB", picture().size, "red")
    assert same(decode_picture(animated([picture(), other], "PNG"), (), SETTINGS))


def test_of_a_truncated_file_it_is_what_is_there() -> None:
    """As browsers show it."""
    body = encoded(picture(), "JPEG")
    assert decode_picture(body[: len(body) * 2 // 3], (), SETTINGS).size == (96, 64)


def test_the_limits_are_the_hashers() -> None:
    """No image, one over the limits, or one that its coding does not decode: an error."""
    with pytest.raises(ValueError, match="not an image"):
        decode_picture(b"no image", (), SETTINGS)
    with pytest.raises(CodingError):
        decode_picture(encoded(picture(), "PNG"), ("gzip",), SETTINGS)
    with pytest.raises(TooManyPixels):
        decode_picture(encoded(picture(), "PNG"), (), HashingSettings(max_pixels=4096))

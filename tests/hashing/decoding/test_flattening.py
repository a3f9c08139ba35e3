"""Every mode becomes "L" or "RGB", on white where it is transparent."""

import numpy as np
import pytest
from PIL import Image
from tests.hashing.pictures import in_mode, photograph

from edgeward.hashing.decoding.flattening import flattened

SMALL = (96, 64)


def small() -> Image.Image:
    return photograph().resize(SMALL)


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"), dtype=int)


MODES = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16", "F")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_looks_like_the_photograph(mode: str) -> None:
    """Palettes, bilevel, CMYK, Lab, 16 bits and floats become one picture that is luma or RGB."""
    (found,) = flattened(in_mode(small(), mode))
    assert found.mode in ("L", "RGB")
    correlation = np.corrcoef(levels(found).ravel(), levels(small()).ravel())[0, 1]
    assert correlation > (0.5 if mode == "1" else 0.9)


def test_sixteen_bits_are_scaled() -> None:
    """16-bit grey keeps its upper bits: clipped it would be white nearly everywhere."""
    deep = Image.fromarray((levels(small()) * 256 + 17).astype(np.uint16))
    (found,) = flattened(deep)
    assert (levels(found) == levels(small())).all()


def test_floats_without_a_number_or_a_difference() -> None:
    """NaN becomes black, and a picture of one value causes no division by zero."""
    values = np.full((64, 96), np.nan, dtype=np.float32)
    assert levels(flattened(Image.fromarray(values))[0]).max() == 0
    assert levels(flattened(Image.fromarray(np.full_like(values, 0.7)))[0]).max() == 0


def test_cmyk_is_converted_as_browsers_do() -> None:
    """CMYK without a profile: R = (255 - C) (255 - K) / 255."""
    ink = Image.new("CMYK", (1, 1), (40, 80, 160, 100))
    expected = [round((255 - colour) * (255 - 100) / 255) for colour in (40, 80, 160)]
    (found,) = flattened(ink)
    assert np.abs(np.asarray(found)[0, 0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "RGBA", "RGBa"])
def test_a_transparent_picture_comes_on_white_and_without_alpha(mode: str) -> None:
    """Two pictures: blended with white by its opacity, and without its alpha channel."""
    picture = small().convert("L").convert("RGBA") if mode == "LA" else small().convert("RGBA")
    picture.putalpha(128)
    white, bare = flattened(picture.convert(mode))
    assert np.abs(levels(white) - (levels(picture) + 255) / 2).max() < 3
    assert np.abs(levels(bare) - levels(picture)).max() < 3


def test_opaque_alpha_changes_nothing() -> None:
    """A picture with a fully opaque alpha channel gives one picture."""
    (found,) = flattened(small().convert("RGBA"))
    assert (np.asarray(found) == np.asarray(small())).all()


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_is_white(mode: str) -> None:
    """A transparent colour or palette entry (tRNS, GIF) becomes white."""
    picture = Image.new(mode, SMALL, 0)
    if mode == "P":
        picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.info["transparency"] = (0, 0, 0) if mode == "RGB" else 0
    white, bare = flattened(picture)
    assert (levels(white).min(), levels(bare).max()) == (255, 0)

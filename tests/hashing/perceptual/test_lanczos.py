"""The fast LANCZOS equals Pillow's within one level of 255."""

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.hashing.pictures import PHOTOGRAPHS, noise, photograph

from edgeward.hashing.perceptual.lanczos import resize
from edgeward.hashing.perceptual.luma import Luma

LANCZOS = Image.Resampling.LANCZOS
WANTED = ((32, 32), (9, 8))


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=int)


def both(
    picture: Image.Image, wanted: tuple[int, int], span: tuple[float, float] | None = None
) -> tuple[Image.Image, Image.Image]:
    """Ours, and Pillow's in two steps, since its versions differ in which axis they resample first in tall pictures."""
    span = span or picture.size
    narrow = picture.resize((wanted[0], picture.height), LANCZOS, (0, 0, span[0], picture.height))
    return resize(Luma(np.asarray(picture)), wanted, span), narrow.resize(wanted, LANCZOS, (0, 0, wanted[0], span[1]))


SHAPES = ((800, 800), (640, 427), (427, 640), (480, 900), (1000, 750), (17, 300), (33, 32), (32, 32), (2500, 40))


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_of_all_shapes(name: str, size: tuple[int, int]) -> None:
    """Larger, smaller and unchanged: few pixels differ from Pillow's, by one level, and hashes accordingly little."""
    picture = photograph(name).resize(size).convert("L")
    for wanted in WANTED:
        ours, theirs = both(picture, wanted)
        apart = np.abs(levels(ours) - levels(theirs))
        assert apart.max() <= 1
        assert np.count_nonzero(apart) <= max(2, 0.01 * apart.size)
    assert imagehash.phash(both(picture, (32, 32))[0]) - imagehash.phash(picture) <= 2
    assert imagehash.dhash(both(picture, (9, 8))[0]) - imagehash.dhash(picture) <= 2


@pytest.mark.parametrize("cut", [0.125, 0.5, 0.875])
@pytest.mark.parametrize("wanted", WANTED)
def test_a_last_pixel_that_counts_partly(wanted: tuple[int, int], cut: float) -> None:
    """If the original ends within the last pixel of a draft, so does the resized area."""
    picture = photograph("coffee").resize((600, 520)).convert("L")
    ours, theirs = both(picture, wanted, (600 - cut, 520 - cut))
    assert np.abs(levels(ours) - levels(theirs)).max() <= 1


@pytest.mark.parametrize("wanted", WANTED)
def test_sharp_edges_do_not_leak(wanted: tuple[int, int]) -> None:
    """Overshoot at sharp edges is clipped between the passes as in Pillow; otherwise whole areas would differ."""
    picture = Image.new("L", (700, 500), 255)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((100, 120, 420, 300), fill=0)
    draw.ellipse((450, 40, 690, 480), fill=0)
    ours, theirs = both(picture, wanted)
    assert np.abs(levels(ours) - levels(theirs)).max() <= 1


@pytest.mark.parametrize("tone", [0, 1, 127, 254, 255])
def test_flat_stays_flat(tone: int) -> None:
    """A picture of one tone keeps that tone in every pixel: weights add up to one."""
    for wanted in WANTED:
        assert (levels(both(Image.new("L", (641, 333), tone), wanted)[0]) == tone).all()


def test_a_picture_in_strips() -> None:
    """A picture too large to be converted at once equals Pillow's too, across the seams of strips."""
    picture = noise((260, 170)).convert("L").resize((2600, 1700))
    luma = Luma(np.asarray(picture))
    assert not luma.is_in_memory
    for wanted in WANTED:
        ours, theirs = both(picture, wanted)
        assert np.abs(levels(ours) - levels(theirs)).max() <= 1


@pytest.mark.parametrize("size", [(65_500, 40), (40, 65_500)])
def test_the_longest_of_pictures(size: tuple[int, int]) -> None:
    """A JPEG of the greatest possible length equals Pillow's too."""
    picture = noise((50, 50)).convert("L").resize(size)
    for wanted in WANTED:
        ours, theirs = both(picture, wanted)
        assert np.abs(levels(ours) - levels(theirs)).max() <= 1

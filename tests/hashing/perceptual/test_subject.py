"""What several hashes of a picture are made of is made once, and is the picture's own."""

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageChops, ImageOps
from tests.hashing.orientations import turned
from tests.hashing.perceptual.test_pdq import reference
from tests.hashing.pictures import photograph

from edgeward.hashing.decoding.images import Picture
from edgeward.hashing.perceptual.subject import MIN_SIDE, Subject, turn


def whole(picture: Image.Image, scale: int = 1, size: tuple[int, int] | None = None, drafted: bool = False) -> Subject:
    return Subject(Picture(picture, scale, size or picture.size, drafted))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_viewers_do(orientation: int) -> None:
    """All eight EXIF orientations: the pixels that Pillow shows, and their size."""
    picture = photograph("coffee").resize((60, 40))
    shown = whole(picture).shown(orientation)
    assert shown.size == shown.image.size == turned(picture, orientation).size
    assert ImageChops.difference(turn(picture, orientation), turned(picture, orientation)).getbbox() is None


@pytest.mark.parametrize("size", [(32, 32), (9, 8)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_small_pictures_are_turned_ones(orientation: int, size: tuple[int, int]) -> None:
    """What imagehash is given is the turned picture's, within a level, and where sides change places."""
    picture = photograph("chelsea").convert("L").resize((300, 500))
    expected = turned(picture, orientation).resize(size, Image.Resampling.LANCZOS)
    for drafted in (False, True):
        small = whole(picture, drafted=drafted).resized(size, orientation)
        assert np.abs(np.asarray(small, dtype=int) - np.asarray(expected)).max() <= 1
        assert imagehash.phash(small).hash.shape == (8, 8)


def test_tiny_pictures_are_told() -> None:
    """A tracking pixel must not match another: sides under MIN_SIDE pixels are too small, by the original's size."""
    for size in ((1, 1), (MIN_SIDE - 1, 500), (500, MIN_SIDE - 1)):
        assert whole(photograph().resize(size)).too_small
    assert not whole(photograph().resize((MIN_SIDE, MIN_SIDE))).too_small
    assert not whole(photograph().resize((8, 8)), 8, (64, 64)).too_small


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_inner_picture_is_the_picture(mode: str) -> None:
    """Without compression its hash is that of the photograph, to the bit."""
    picture = photograph("astronaut").convert(mode)
    (inner,) = whole(ImageOps.expand(picture, (30, 0, 30, 0), 255 if mode == "L" else "white")).inner()
    assert inner.picture.size == picture.size
    assert inner.pdq == reference(picture)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_inner_picture_of_a_draft(scale: int) -> None:
    """Of means of scale x scale pixels: the size in the original's pixels, which end where the original ends."""
    picture = photograph("coffee").convert("L").resize((scale * 500 + 3, scale * 400 + 3), Image.Resampling.BICUBIC)
    framed = ImageOps.expand(picture, (scale * 20, scale * 20, 0, 0), 255)
    inner = next(whole(framed.reduce(scale), scale, framed.size, drafted=True).inner())
    assert inner.picture.size == picture.size
    assert (int(inner.pdq.value, 16) ^ int(reference(picture)[0], 16)).bit_count() <= 4

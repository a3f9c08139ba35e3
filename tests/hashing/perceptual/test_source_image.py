"""Everything that several hashes of a picture need is computed once, and belongs to the picture."""

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageChops, ImageOps
from tests.hashing.orientations import turned
from tests.hashing.pdq_reference import reference_pdq
from tests.hashing.pictures import photograph

from edgeward.hashing.decoding.images import Picture
from edgeward.hashing.perceptual.source_image import MIN_SIDE, SourceImage, oriented


def whole(
    picture: Image.Image, scale: int = 1, size: tuple[int, int] | None = None, drafted: bool = False
) -> SourceImage:
    return SourceImage(Picture(picture, scale, size or picture.size, drafted))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_viewers_do(orientation: int) -> None:
    """All eight EXIF orientations: the pixels and the size that Pillow shows."""
    picture = photograph("coffee").resize((60, 40))
    shown = whole(picture).oriented(orientation)
    assert shown.size == shown.image.size == turned(picture, orientation).size
    assert ImageChops.difference(oriented(picture, orientation), turned(picture, orientation)).getbbox() is None


@pytest.mark.parametrize("size", [(32, 32), (9, 8)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_small_pictures_are_turned_ones(orientation: int, size: tuple[int, int]) -> None:
    """imagehash gets the turned picture's pixels, within a level, also if sides are swapped."""
    picture = photograph("chelsea").convert("L").resize((300, 500))
    expected = turned(picture, orientation).resize(size, Image.Resampling.LANCZOS)
    for drafted in (False, True):
        small = whole(picture, drafted=drafted).resized(size, orientation)
        assert np.abs(np.asarray(small, dtype=int) - np.asarray(expected)).max() <= 1
        assert imagehash.phash(small).hash.shape == (8, 8)


def test_tiny_pictures_are_recognised() -> None:
    """Sides under MIN_SIDE pixels of the original are too small: tracking pixels must not match one another."""
    for size in ((1, 1), (MIN_SIDE - 1, 500), (500, MIN_SIDE - 1)):
        assert whole(photograph().resize(size)).too_small
    assert not whole(photograph().resize((MIN_SIDE, MIN_SIDE))).too_small
    assert not whole(photograph().resize((8, 8)), 8, (64, 64)).too_small


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_inner_picture_is_the_picture(mode: str) -> None:
    """Without compression the inner picture's hash is the photograph's in every bit."""
    picture = photograph("astronaut").convert(mode)
    (inner,) = whole(ImageOps.expand(picture, (30, 0, 30, 0), 255 if mode == "L" else "white")).inner()
    assert inner.picture.size == picture.size
    assert inner.pdq == reference_pdq(picture)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_inner_picture_of_a_draft(scale: int) -> None:
    """With means of scale x scale pixels: the size is in the original's pixels, and ends where the original ends."""
    picture = photograph("coffee").convert("L").resize((scale * 500 + 3, scale * 400 + 3), Image.Resampling.BICUBIC)
    framed = ImageOps.expand(picture, (scale * 20, scale * 20, 0, 0), 255)
    inner = next(whole(framed.reduce(scale), scale, framed.size, drafted=True).inner())
    assert inner.picture.size == picture.size
    assert (int(inner.pdq.value, 16) ^ int(reference_pdq(picture)[0], 16)).bit_count() <= 4

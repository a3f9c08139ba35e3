"""Perceptual signals are what the field's own libraries compute."""

import imagehash
import pytest
from PIL import Image
from tests.hashing.pictures import PHOTOGRAPHS, distance, photograph
from tests.hashing.test_pdq import reference

from edgeward.hashing.images import Picture
from edgeward.hashing.perceptual import MIN_SIDE, PERCEPTUAL, perceptual


def whole(picture: Image.Image) -> Picture:
    return Picture(picture, 1, picture.size)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_values_are_those_of_the_libraries(name: str, mode: str) -> None:
    """phash and dhash are imagehash's, PDQ and its quality pdqhash's, in the order asked for."""
    picture = photograph(name).convert(mode)
    dhash, phash, pdq = perceptual(whole(picture), ("dhash", "sha256", "phash", "pdq"))
    assert (dhash.type, dhash.value) == ("dhash", str(imagehash.dhash(picture)))
    assert (phash.type, phash.value) == ("phash", str(imagehash.phash(picture)))
    assert (pdq.type, pdq.value, pdq.quality) == ("pdq", *reference(picture))


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_draft_is_hashed_nearly_as_by_the_libraries(name: str) -> None:
    """From luma at full size PDQ is the same, phash and dhash within 2 bits; also of a picture that is tall."""
    for size in ((800, 600), (400, 900), (3000, 1500)):
        picture = photograph(name).resize(size).convert("L")
        near = perceptual(Picture(picture, 1, size, drafted=True), tuple(PERCEPTUAL))
        for one, other in zip(near, perceptual(whole(picture), tuple(PERCEPTUAL)), strict=True):
            assert distance(one.value, other.value) <= (0 if one.type == "pdq" else 2), one.type


def test_tiny_pictures_have_none() -> None:
    """A tracking pixel must not match another: under MIN_SIDE there are no perceptual signals."""
    for size in ((1, 1), (MIN_SIDE - 1, 500), (500, MIN_SIDE - 1)):
        assert perceptual(whole(photograph().resize(size)), tuple(PERCEPTUAL)) == ()
    assert len(perceptual(whole(photograph().resize((MIN_SIDE, MIN_SIDE))), tuple(PERCEPTUAL))) == 3

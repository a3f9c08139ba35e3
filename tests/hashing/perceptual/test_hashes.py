"""Perceptual signals equal those of the libraries that list tools use."""

import imagehash
import pytest
from PIL import Image
from tests.hashing.orientations import turned
from tests.hashing.pdq_reference import reference_pdq
from tests.hashing.pictures import PHOTOGRAPHS, distance, photograph

from edgeward.hashing.decoding.images import Picture
from edgeward.hashing.perceptual.hashes import HASH_FUNCTIONS, perceptual_signals
from edgeward.hashing.perceptual.source_image import SourceImage
from edgeward.types import View

TYPES = tuple(HASH_FUNCTIONS)


def whole(picture: Image.Image, drafted: bool = False) -> SourceImage:
    return SourceImage(Picture(picture, 1, picture.size, drafted))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_values_are_those_of_the_libraries(name: str, mode: str) -> None:
    """phash and dhash are imagehash's, PDQ and its quality pdqhash's, in the given order."""
    picture = photograph(name).convert(mode)
    dhash, phash, pdq = perceptual_signals(whole(picture), ("dhash", "sha256", "phash", "pdq"), View.INNER)
    assert (dhash.type, dhash.value) == ("dhash", str(imagehash.dhash(picture)))
    assert (phash.type, phash.value) == ("phash", str(imagehash.phash(picture)))
    assert (pdq.type, pdq.value, pdq.quality) == ("pdq", *reference_pdq(picture))
    assert {signal.view for signal in (dhash, phash, pdq)} == {View.INNER}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_turned_pictures_have_the_values_of_the_libraries(name: str, orientation: int) -> None:
    """In an EXIF orientation: PDQ is that of the turned picture; phash and dhash are too, except for rounded pixels."""
    picture = photograph(name).resize((420, 300))
    shown = turned(picture, orientation)
    pdq, phash, dhash = perceptual_signals(whole(picture), ("pdq", "phash", "dhash"), View.SHOWN, orientation)
    assert (pdq.value, pdq.quality) == reference_pdq(shown)
    assert distance(phash.value, str(imagehash.phash(shown))) <= 2
    assert distance(dhash.value, str(imagehash.dhash(shown))) <= 2


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_draft_is_hashed_nearly_as_by_the_libraries(name: str) -> None:
    """From luma at full size PDQ is equal, phash and dhash within 2 bits, also of a tall picture."""
    for size in ((800, 600), (400, 900), (3000, 1500)):
        picture = photograph(name).resize(size).convert("L")
        near = perceptual_signals(whole(picture, drafted=True), TYPES, View.STORED)
        for one, other in zip(near, perceptual_signals(whole(picture), TYPES, View.STORED), strict=True):
            assert distance(one.value, other.value) <= (0 if one.type == "pdq" else 2), one.type

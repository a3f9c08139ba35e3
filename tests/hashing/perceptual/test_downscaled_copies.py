"""PDQs of the smaller copies of a listed picture."""

from itertools import product

import numpy as np
import pdqhash
import pytest
from PIL import Image
from tests.hashing.pictures import photograph

from edgeward.hashing.perceptual.downscaled_copies import FACTORS, MIN_COPY_SIDE, MIN_DISTANCE, downscaled_pdqs
from edgeward.hashing.perceptual.pdq import Pdq, pdq

RADIUS = 31


def smaller_of(picture: Image.Image) -> list[Pdq]:
    return downscaled_pdqs(picture, pdq(picture).value)


def apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        *product(["brick", "grass", "gravel", "page"], [4 / 3, 2, 4]),
        *product(["chelsea", "coffee", "camera"], [1.4, 2.5, 3.5]),
    ],
)
def test_a_smaller_copy_is_near_one_of_them(name: str, factor: float) -> None:
    """Copies are near the picture's own PDQ or one of these: of textures, copies of the usual sizes."""
    picture = photograph(name).convert("RGB")
    copy = picture.resize((round(picture.width / factor), round(picture.height / factor)), Image.Resampling.LANCZOS)
    listed = [pdq(picture).value, *(made.value for made in smaller_of(picture))]
    assert min(apart(pdq(copy).value, value) for value in listed) <= RADIUS


def test_without_them_a_brick_wall_is_missed() -> None:
    """A halved brick wall lies beyond the radius of the wall's own PDQ."""
    wall = photograph("brick").convert("RGB")
    half = wall.resize((wall.width // 2, wall.height // 2), Image.Resampling.LANCZOS)
    assert apart(pdq(wall).value, pdq(half).value) > RADIUS


@pytest.mark.parametrize("name", ["brick", "chelsea"])
def test_they_differ(name: str) -> None:
    """No two of them, nor one and the picture's own, are near each other."""
    picture = photograph(name).convert("RGB")
    values = [pdq(picture).value, *(made.value for made in smaller_of(picture))]
    assert len(values) <= 1 + len(FACTORS)
    assert all(apart(one, other) > MIN_DISTANCE for at, one in enumerate(values) for other in values[:at])


def test_each_is_the_copys_own() -> None:
    """Value and quality are the reference's for the copy."""
    wall = photograph("brick").convert("RGB")
    half = wall.resize((round(wall.width / 2), round(wall.height / 2)), Image.Resampling.LANCZOS)
    bits, quality = pdqhash.compute(np.asarray(half))
    value = np.packbits(bits).tobytes().hex()
    assert (value, quality) in smaller_of(wall) or any(
        apart(value, made.value) <= MIN_DISTANCE for made in smaller_of(wall)
    )


def test_a_small_picture_has_none() -> None:
    """Copies with a side under MIN_COPY_SIDE pixels are not made: nothing is left to recognise."""
    assert smaller_of(photograph("brick").convert("RGB").resize((MIN_COPY_SIDE, MIN_COPY_SIDE))) == []

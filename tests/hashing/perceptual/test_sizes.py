"""Smaller copies of what is listed."""

from itertools import product

import numpy as np
import pdqhash
import pytest
from PIL import Image
from tests.hashing.pictures import photograph

from edgeward.hashing.perceptual.pdq import Pdq, pdq
from edgeward.hashing.perceptual.sizes import APART, FACTORS, LEAST_SIDE, smaller

RADIUS = 31


def smaller_of(picture: Image.Image) -> list[Pdq]:
    return smaller(picture, pdq(picture).value)


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
    """Copies are near the picture's own PDQ or one of those: of textures the copies of usual sizes."""
    picture = photograph(name).convert("RGB")
    copy = picture.resize((round(picture.width / factor), round(picture.height / factor)), Image.Resampling.LANCZOS)
    listed = [pdq(picture).value, *(made.value for made in smaller_of(picture))]
    assert min(apart(pdq(copy).value, value) for value in listed) <= RADIUS


def test_without_them_a_brick_wall_is_lost() -> None:
    """Halved, it lies past the radius of its own PDQ."""
    wall = photograph("brick").convert("RGB")
    half = wall.resize((wall.width // 2, wall.height // 2), Image.Resampling.LANCZOS)
    assert apart(pdq(wall).value, pdq(half).value) > RADIUS


@pytest.mark.parametrize("name", ["brick", "chelsea"])
def test_they_differ(name: str) -> None:
    """None is as good as another, or as the picture's own."""
    picture = photograph(name).convert("RGB")
    values = [pdq(picture).value, *(made.value for made in smaller_of(picture))]
    assert len(values) <= 1 + len(FACTORS)
    assert all(apart(one, other) > APART for at, one in enumerate(values) for other in values[:at])


def test_each_is_the_copys_own() -> None:
    """Value and quality are those that the reference gives for the copy."""
    wall = photograph("brick").convert("RGB")
    half = wall.resize((round(wall.width / 2), round(wall.height / 2)), Image.Resampling.LANCZOS)
    bits, quality = pdqhash.compute(np.asarray(half))
    value = np.packbits(bits).tobytes().hex()
    assert (value, quality) in smaller_of(wall) or any(apart(value, made.value) <= APART for made in smaller_of(wall))


def test_a_small_picture_has_none() -> None:
    """Of a copy with a side under LEAST_SIDE pixels nothing is left to recognise."""
    assert smaller_of(photograph("brick").convert("RGB").resize((LEAST_SIDE, LEAST_SIDE))) == []

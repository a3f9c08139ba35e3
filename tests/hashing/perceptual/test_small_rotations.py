"""Rotated pictures are rotated back, whatever was done about their corners."""

import math

import numpy as np
import pytest
from PIL import Image
from tests.hashing.pictures import distance, photograph

from edgeward.hashing.perceptual.crop_windows import pdq_values, sample_frequencies, samples_shift
from edgeward.hashing.perceptual.pdq import pdq
from edgeward.hashing.perceptual.small_rotations import rotated_back, small_rotations

SIZE = (600, 400)


def nearest(picture: Image.Image, original: Image.Image) -> tuple[int, float]:
    """The least distance of a picture rotated back from the original, and its angle."""
    copy = np.asarray(picture.convert("L").resize((256, 256), Image.Resampling.BOX), dtype=np.float32)
    width, height = picture.size
    shift = samples_shift(width) * 256 / width, samples_shift(height) * 256 / height
    found = pdq_values(sample_frequencies(rotated_back(copy, width / height, shift)))
    expected = pdq(original).value
    distances = [distance(value, expected) for value in found]
    best = min(range(len(found)), key=distances.__getitem__)
    return distances[best], small_rotations(width / height)[best].degrees


def turned(degrees: float, **options: object) -> tuple[Image.Image, Image.Image]:
    """A photograph rotated counter-clockwise, and the original."""
    original = photograph("coffee").resize(SIZE, Image.Resampling.LANCZOS)
    return original.rotate(degrees, Image.Resampling.BICUBIC, **options), original  # type: ignore[arg-type]


@pytest.mark.parametrize("degrees", [1, -2, 3, -4, 5, -6, 7, -8])
@pytest.mark.parametrize("colour", ["black", "white"])
def test_rotated_at_the_same_size(degrees: int, colour: str) -> None:
    """With filled corners the picture is found, at the angle of the rotation."""
    bits, angle = nearest(*turned(degrees, fillcolor=colour))
    assert bits <= 22
    assert angle == -degrees


@pytest.mark.parametrize("degrees", [-1, 2, -3, 4, -5, 6, -7, 8])
def test_rotated_and_grown(degrees: int) -> None:
    """If the size was grown, nothing was lost and hardly a bit differs."""
    bits, angle = nearest(*turned(degrees, fillcolor="white", expand=True))
    assert bits <= 14
    assert angle == -degrees


@pytest.mark.parametrize("same_aspect", [True, False])
@pytest.mark.parametrize("degrees", [-1, 1, -2, 2])
def test_cropped_to_fit(degrees: int, same_aspect: bool) -> None:
    """The largest part without empty corners, of the same aspect or of any, is found."""
    picture, original = turned(degrees)
    width, height = SIZE
    sine, cosine = math.sin(math.radians(abs(degrees))), math.cos(math.radians(degrees))
    if same_aspect:
        sides = [side / (cosine + sine * width / height) for side in SIZE]
    else:
        whole = cosine**2 - sine**2
        sides = [(width * cosine - height * sine) / whole, (height * cosine - width * sine) / whole]
    across, down = ((side - left) / 2 for side, left in zip(SIZE, sides, strict=True))
    fitted = picture.crop((math.ceil(across), math.ceil(down), math.floor(width - across), math.floor(height - down)))
    bits, angle = nearest(fitted, original)
    assert bits <= 26
    assert angle == -degrees


def test_long_pictures_are_not_tried() -> None:
    """A banner is not tried; a panorama is."""
    assert not small_rotations(5)
    assert not small_rotations(0.2)
    assert small_rotations(3)
    assert rotated_back(np.zeros((256, 256), dtype=np.float32), 5, (0, 0)).shape == (0, 64, 64)

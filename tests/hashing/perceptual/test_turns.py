"""Turned pictures are turned back, whatever was done about their corners."""

import math

import numpy as np
import pytest
from PIL import Image
from tests.hashing.pictures import distance, photograph

from edgeward.hashing.perceptual.pdq import pdq
from edgeward.hashing.perceptual.turns import turned_back, turns
from edgeward.hashing.perceptual.windows import of_samples, samples_shift, values

SIZE = (600, 400)


def nearest(picture: Image.Image, original: Image.Image) -> tuple[int, float]:
    """The least distance of a turned-back picture from the original, and by how many degrees it was turned back."""
    copy = np.asarray(picture.convert("L").resize((256, 256), Image.Resampling.BOX), dtype=np.float32)
    width, height = picture.size
    shift = samples_shift(width) * 256 / width, samples_shift(height) * 256 / height
    found = values(of_samples(turned_back(copy, width / height, shift)))
    expected = pdq(original).value
    distances = [distance(value, expected) for value in found]
    best = min(range(len(found)), key=distances.__getitem__)
    return distances[best], turns(width / height)[best].degrees


def turned(degrees: float, **options: object) -> tuple[Image.Image, Image.Image]:
    """A photograph turned counter-clockwise, and before."""
    original = photograph("coffee").resize(SIZE, Image.Resampling.LANCZOS)
    return original.rotate(degrees, Image.Resampling.BICUBIC, **options), original  # type: ignore[arg-type]


@pytest.mark.parametrize("degrees", [1, -2, 3, -4, 5, -6, 7, -8])
@pytest.mark.parametrize("colour", ["black", "white"])
def test_on_a_canvas_of_the_same_size(degrees: int, colour: str) -> None:
    """Corners that were filled don't keep the picture from being found, at the angle that it was turned by."""
    bits, angle = nearest(*turned(degrees, fillcolor=colour))
    assert bits <= 22
    assert angle == -degrees


@pytest.mark.parametrize("degrees", [-1, 2, -3, 4, -5, 6, -7, 8])
def test_on_a_canvas_that_was_grown(degrees: int) -> None:
    """Nothing was lost, so nearly nothing differs."""
    bits, angle = nearest(*turned(degrees, fillcolor="white", expand=True))
    assert bits <= 14
    assert angle == -degrees


@pytest.mark.parametrize("same_aspect", [True, False])
@pytest.mark.parametrize("degrees", [-1, 1, -2, 2])
def test_cropped_to_fit(degrees: int, same_aspect: bool) -> None:
    """The largest part without corners, of the same aspect or of any, is found as the whole."""
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


def test_long_pictures_are_not_turned() -> None:
    """A banner has no turns; a panorama has."""
    assert not turns(5)
    assert not turns(0.2)
    assert turns(3)
    assert turned_back(np.zeros((256, 256), dtype=np.float32), 5, (0, 0)).shape == (0, 64, 64)

"""Values for large lists, a part at a time: random, or as skewed as PDQs of crops and changes of photographs."""

import importlib.util
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from edgeward.errors import UserError
from edgeward.matching.segments.segment_rows import Values

type Draw = Callable[[np.random.Generator, int], Values]
"""Draws a number of values."""

SAMPLES, FREQUENCIES = 64, 16
"""PDQ keeps the 16 x 16 lowest frequencies of 64 x 64 samples."""
CROPS_OF_EACH = 1000
WEAKEST, STRONGEST = 0.02, 2.0
"""Changes, as the root of their power over that of the picture: from none of the bits to half of them."""
PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png"),
    *("coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png"),
    *("page.png", "retina.jpg", "rocket.jpg", "text.png"),
)


def random_values(size: int) -> Draw:
    """Values of `size` bytes whose bits are all independent."""
    return lambda chance, count: chance.integers(0, 256, (count, size), np.uint8)


def photographs_changed() -> Draw:
    """PDQs of random crops of photographs, each crop changed at random: in frequencies, where a PDQ is made.

    So weak frequencies flip first, bits depend on each other as they do in PDQs, and each crop has many near values.
    """
    crops = _crops()
    noise = np.random.default_rng(1).standard_normal((1 << 14, FREQUENCIES**2), np.float32)

    def draw(chance: np.random.Generator, count: int) -> Values:
        strength = np.exp(chance.uniform(np.log(WEAKEST), np.log(STRONGEST), (count, 1))).astype(np.float32)
        changed = noise[chance.integers(0, len(noise), count)]
        changed *= strength
        changed += crops[chance.integers(0, len(crops), count)]
        return np.packbits(changed > 0, axis=1)

    return draw


def _crops() -> NDArray[np.float32]:
    """The frequencies of crops, less their median, each over its usual size."""
    chance = random.Random(1)
    frequencies = []
    for name in PHOTOGRAPHS:
        with Image.open(_directory() / name) as image:
            picture = image.convert("L")
        for _ in range(CROPS_OF_EACH):
            width, height = (int(side * chance.uniform(0.2, 1)) for side in picture.size)
            left, top = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
            box = (left, top, left + width, top + height)
            samples = picture.resize((SAMPLES, SAMPLES), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
            kept = dctn(np.asarray(samples, np.float32))[1 : FREQUENCIES + 1, 1 : FREQUENCIES + 1].ravel()
            frequencies.append(kept - np.median(kept))
    found = np.array(frequencies, np.float32)
    found /= np.sqrt((found**2).mean(axis=0))
    found /= np.sqrt((found**2).mean(axis=1, keepdims=True))
    return found


def _directory() -> Path:
    package = importlib.util.find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        raise UserError("scikit-image is missing: pip install 'edgeward[demo]'")
    return Path(package.submodule_search_locations[0]) / "data"

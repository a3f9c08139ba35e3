"""Pictures to measure with: a real photograph at any size, and drawn ones as unlike as one wants."""

import io
import random
from functools import cache

import numpy as np
from PIL import Image, ImageOps

from edgeward.demo.photos import encoded, shipped

PHOTOGRAPH = "coffee.jpg"
QUALITY = 85
GRAIN = 2.5
"""Standard deviation of a sensor's noise: a photograph that is only scaled up is smaller, in bytes, than real ones."""


@cache
def photograph(width: int, height: int) -> bytes:
    """A photograph of scikit-image as a JPEG of width x height pixels."""
    body = next(photo.body for photo in shipped() if photo.name == PHOTOGRAPH)
    with Image.open(io.BytesIO(body)) as image:
        scaled = ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    noise = np.random.default_rng(0).normal(0, GRAIN, (height, width, 1))
    grainy = np.clip(np.asarray(scaled) + noise, 0, 255).astype(np.uint8)
    return encoded(Image.fromarray(grainy), "JPEG", QUALITY)


def drawn(seed: int) -> bytes:
    """A small JPEG of coloured clouds: pictures of different seeds are as far apart as PDQ can tell."""
    dots = random.Random(seed).randbytes(16 * 16 * 3)
    return encoded(Image.frombytes("RGB", (16, 16), dots).resize((256, 256), Image.Resampling.BICUBIC), "JPEG", QUALITY)


def of_bytes(size: int, number: int) -> bytes:
    """A JPEG of `size` bytes; another `number` is another file, which shows the same."""
    picture = photograph(1920, 1440)
    return picture + number.to_bytes(4) + bytes(size - len(picture) - 4)

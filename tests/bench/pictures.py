"""Pictures for measurements: a real photograph in any size, and drawn ones that never match each other."""

import io
import random
from functools import cache

import numpy as np
from PIL import Image, ImageOps

from edgeward.demo.photos import builtin_photos, encoded

PHOTOGRAPH = "coffee.jpg"
QUALITY = 85
GRAIN = 2.5
"""Standard deviation of sensor noise: without it a photograph that is scaled up has fewer bytes than a real one."""


@cache
def photograph(width: int, height: int) -> bytes:
    """A photograph of scikit-image as a JPEG of width x height pixels."""
    body = next(photo.body for photo in builtin_photos() if photo.name == PHOTOGRAPH)
    with Image.open(io.BytesIO(body)) as image:
        scaled = ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    noise = np.random.default_rng(0).normal(0, GRAIN, (height, width, 1))
    grainy = np.clip(np.asarray(scaled) + noise, 0, 255).astype(np.uint8)
    return encoded(Image.fromarray(grainy), "JPEG", QUALITY)


def drawn(seed: int) -> bytes:
    """A small JPEG of coloured clouds. PDQs of different seeds are unrelated."""
    dots = random.Random(seed).randbytes(16 * 16 * 3)
    return encoded(Image.frombytes("RGB", (16, 16), dots).resize((256, 256), Image.Resampling.BICUBIC), "JPEG", QUALITY)


def of_bytes(size: int, number: int) -> bytes:
    """A JPEG of `size` bytes. Another `number` gives another file that shows the same picture."""
    picture = photograph(1920, 1440)
    return picture + number.to_bytes(4) + bytes(size - len(picture) - 4)

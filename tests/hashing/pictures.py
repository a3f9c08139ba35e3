"""Pictures for the tests of this room: skimage's photographs and drawings, in every format."""

import io
from functools import cache
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "camera", "coins")


@cache
def photograph(name: str = "astronaut") -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)()).convert("RGB")


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def jpeg(size: tuple[int, int] = (320, 240), name: str = "astronaut", **options: Any) -> bytes:
    return encoded(photograph(name).resize(size), "JPEG", **options)


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """Slow to decode and to hash, and compresses badly."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()

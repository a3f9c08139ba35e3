"""Pictures drawn by code: any number of different ones, each with enough detail for PDQ."""

import io
import itertools
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from edgeward.demo.photos import Photo


def drawn(seed: int, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """Soft coloured blots. Pictures of two seeds never match each other."""
    blots = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(blots).resize(size, Image.Resampling.BICUBIC)


def picture(seed: int, form: str = "JPEG", size: tuple[int, int] = (480, 360), **options: Any) -> bytes:
    """Such a picture as a file in one of Pillow's formats."""
    buffer = io.BytesIO()
    drawn(seed, size).save(buffer, form, **options)
    return buffer.getvalue()


_seeds = itertools.count(1000)


def fresh(suffix: str = "jpg", form: str = "JPEG", media_type: str = "image/jpeg", **options: Any) -> Photo:
    """A new picture with a path of its own, different from all others."""
    seed = next(_seeds)
    return Photo(f"{seed}.{suffix}", picture(seed, form, **options), media_type)


@cache
def _slow() -> bytes:
    """A drawing of 36 million pixels: few bytes, but half a second to decode and hash."""
    buffer = io.BytesIO()
    drawn(7, (24, 18)).convert("L").resize((6000, 6000), Image.Resampling.NEAREST).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def slow(number: int) -> bytes:
    """A file that takes long to hash; each number gives another file."""
    return _slow() + b"%d" % number

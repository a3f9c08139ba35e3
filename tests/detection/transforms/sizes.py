"""Larger, smaller, wider."""

from functools import partial

from PIL import Image
from tests.detection.transform import Group, transform


def resized(across: float, down: float, picture: Image.Image) -> Image.Image:
    """By these factors, with the filter that most services use."""
    size = (max(1, round(picture.width * across)), max(1, round(picture.height * down)))
    return picture.resize(size, Image.Resampling.LANCZOS)


RESIZED = tuple(
    transform(f"resized to {percent} %", partial(resized, percent / 100, percent / 100))
    for percent in (10, 25, 40, 50, 60, 75, 200, 400)
)
SIZES = Group(
    "Size and aspect",
    (
        *RESIZED,
        transform("width squeezed to 75 %", partial(resized, 0.75, 1.0)),
        transform("height squeezed to 75 %", partial(resized, 1.0, 0.75)),
        transform("made square", lambda picture: picture.resize((min(picture.size),) * 2, Image.Resampling.LANCZOS)),
    ),
)

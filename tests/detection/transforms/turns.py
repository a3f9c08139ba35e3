"""Mirrors, right angles, and a few degrees."""

import math
from functools import partial

from PIL import Image
from tests.detection.transform import SENT_QUALITY, Group, encoded, transform
from tests.detection.transforms.marks import BLACK, WHITE

ORIENTATION = 0x0112
"""EXIF tag. 6: to be shown turned by 90 degrees clockwise."""


def flagged(picture: Image.Image) -> bytes:
    """Stored on its side with an EXIF orientation, as cameras do: it looks as before."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return encoded(picture.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=SENT_QUALITY, exif=exif)


def transposed(method: Image.Transpose, picture: Image.Image) -> Image.Image:
    return picture.transpose(method)


def filled(degrees: float, colour: tuple[int, int, int], picture: Image.Image) -> Image.Image:
    """On a canvas of the same size."""
    return picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=colour)


def fitted(degrees: float, picture: Image.Image) -> Image.Image:
    """Cropped to the largest part of the same aspect that has no corner to fill."""
    angle, aspect = math.radians(abs(degrees)), max(picture.size) / min(picture.size)
    share = 1 / (math.cos(angle) + aspect * math.sin(angle))
    width, height = (side * share for side in picture.size)
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    box = (math.ceil(left), math.ceil(top), math.floor(left + width), math.floor(top + height))
    return picture.rotate(degrees, Image.Resampling.BICUBIC).crop(box)


RIGHT_ANGLES = Group(
    "Orientation, mirrors and right angles",
    (
        transform("EXIF orientation", flagged),
        transform("mirrored left to right", partial(transposed, Image.Transpose.FLIP_LEFT_RIGHT)),
        transform("mirrored top to bottom", partial(transposed, Image.Transpose.FLIP_TOP_BOTTOM)),
        transform("turned by 90°", partial(transposed, Image.Transpose.ROTATE_90)),
        transform("turned by 180°", partial(transposed, Image.Transpose.ROTATE_180)),
        transform("turned by 270°", partial(transposed, Image.Transpose.ROTATE_270)),
        transform(
            "turned and mirrored",
            partial(transposed, Image.Transpose.TRANSPOSE),
            partial(transposed, Image.Transpose.TRANSVERSE),
        ),
    ),
)
SMALL_FILLED = tuple(
    transform(f"turned by {angle}°, corners filled", partial(filled, angle, BLACK), partial(filled, -angle, WHITE))
    for angle in (1, 2, 4, 6, 8)
)
SMALL_ANGLES = Group(
    "A few degrees",
    (
        *SMALL_FILLED,
        transform("turned by 10°, corners filled", partial(filled, 10, BLACK), partial(filled, -10, WHITE)),
        transform(
            "turned by 4°, canvas grown",
            lambda picture: picture.rotate(4, Image.Resampling.BICUBIC, expand=True, fillcolor=WHITE),
        ),
        *(
            transform(f"turned by {angle}°, cropped to fit", partial(fitted, angle), partial(fitted, -angle))
            for angle in (1, 2, 4, 8)
        ),
    ),
)

"""Parts of a picture."""

from functools import partial

from PIL import Image
from tests.detection.transform import Group, transform


def cropped(sides: tuple[float, float, float, float], picture: Image.Image) -> Image.Image:
    """Without these shares of the width or height: left, top, right, bottom."""
    left, top, right, bottom = sides
    width, height = picture.size
    box = (round(left * width), round(top * height), round(width * (1 - right)), round(height * (1 - bottom)))
    return picture.crop(box)


ONE_SIDE = (1, 2, 5, 10, 20, 30)
"""Percent."""
INNER = (98, 95, 90, 80, 70)
"""Percent that are left of width and height, in the middle."""

CROPS = Group(
    "Crops",
    (
        *(
            transform(
                f"{percent} % off one side",
                *(
                    partial(cropped, tuple(percent / 100 * (side == one) for side in range(4)))  # type: ignore[arg-type]
                    for one in range(4)
                ),
            )
            for percent in ONE_SIDE
        ),
        transform("5 % off two sides", partial(cropped, (0.05, 0.05, 0, 0)), partial(cropped, (0, 0, 0.05, 0.05))),
        *(transform(f"inner {percent} %", partial(cropped, ((100 - percent) / 200,) * 4)) for percent in INNER),
    ),
)

"""PDQs of what a picture may have been before it was cropped, rotated by a few degrees, or covered in part.

A list holds the hash of the whole original, and no part of a cropped copy has that hash. But a copy can be put back
approximately: extrapolated beyond its edges where a margin may have been cropped, rotated back, or with a possible
caption, logo or sticker inpainted. Each such variant has a PDQ, for `View.GEOMETRY`. All are made from one small copy
of the luma.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from PIL import Image

from edgeward.hashing.perceptual.crop_windows import (
    CropWindow,
    pdq_values,
    sample_frequencies,
    samples_shift,
    window_frequencies,
    window_samples,
)
from edgeward.hashing.perceptual.extrapolation import extrapolated
from edgeward.hashing.perceptual.luma import Floats
from edgeward.hashing.perceptual.occlusions import without_occlusions
from edgeward.hashing.perceptual.small_rotations import rotated_back

_SIDE = 256
"""Pixels of a side of the copy. PDQ's filter passes detail finer than its 64 samples, so with fewer pixels some bits
would differ."""
_MARGIN = 36
"""Pixels of extrapolation on each side: enough for the widest crop, and for the shift if a side has 100 or more."""
_SUBPIXELS = 8
"""Shifts are rounded to 1 / _SUBPIXELS of a pixel, so that most sides share cached matrices."""


class Crop(NamedTuple):
    """The share of the original's width or height that was cut off each side."""

    left: float
    top: float
    right: float
    bottom: float


def _equal_crops(sides: int, *shares: float) -> Iterator[Crop]:
    """The same share off every combination of `sides` sides."""
    for which, share in product(combinations(range(4), sides), shares):
        yield Crop(*(share if side in which else 0 for side in range(4)))


def _corner_crops(one: float, other: float) -> Iterator[Crop]:
    """`one` off a side and `other` off the next, clockwise from each of the four sides."""
    for side in range(4):
        shares = (one, other, 0, 0)
        yield Crop(*(shares[(place - side) % 4] for place in range(4)))


CROPS: Mapping[float, Sequence[Crop]] = {
    1: (
        *_equal_crops(1, 0.025, 0.0375, 0.05, 0.0625, 0.075, 0.0875, 0.1),
        *_equal_crops(2, 0.025, 0.05),
        *_corner_crops(0.025, 0.05),
        *_corner_crops(0.05, 0.025),
        *_equal_crops(3, 0.025, 0.0375),
        *_equal_crops(4, 0.0125, 0.025, 0.0375, 0.05),
    ),
    4: tuple(_equal_crops(1, 0.05, 0.075, 0.1)),
}
"""The crops to try, by the `fading` of the extrapolation: 1 suits photographs on average, 4 those full of fine detail.

Chosen by how many more crops each one finds. More crops and finer steps were tried: twice the number finds 4 % more.
"""


def geometry_variants(image: Image.Image, scale: int = 1, size: tuple[int, int] | None = None) -> tuple[str, ...]:
    """The distinct PDQ values of what an "L" or "RGB" picture may have been, without its own.

    With `scale` > 1 each pixel stands for scale x scale pixels of an original of `size`, as in `pdq`.
    """
    width, height = size or image.size
    luma = _small_copy(image, (width / scale, height / scale))
    shift = samples_shift(width) * _SIDE / width, samples_shift(height) * _SIDE / height
    across, down = (round(pixels * _SUBPIXELS) for pixels in shift)
    extended = {fading: extrapolated(luma, _MARGIN, fading) for fading in CROPS}
    cropped = [window_frequencies(more, _windows(fading, across, down)) for fading, more in extended.items()]
    whole = window_samples(extended[1], _window(Crop(0, 0, 0, 0), across, down))
    rotated, uncovered = rotated_back(luma, width / height, shift), without_occlusions(whole, width / height)
    others = [sample_frequencies(samples) for samples in (rotated, uncovered)]
    return tuple(dict.fromkeys(pdq_values(np.concatenate([*cropped, *others]))))


def _small_copy(image: Image.Image, size: tuple[float, float]) -> Floats:
    """The luma of the first `size` pixels of `image`, scaled to a square."""
    copy = image.resize((_SIDE, _SIDE), Image.Resampling.BOX, (0, 0, *size), reducing_gap=2)
    return np.asarray(copy.convert("L"), dtype=np.float32)


@lru_cache(maxsize=64)
def _windows(fading: float, across: int, down: int) -> Sequence[CropWindow]:
    """Where the original would lie on the extrapolated luma, for each crop. Shifts are in 1 / _SUBPIXELS of a pixel."""
    return [_window(crop, across, down) for crop in CROPS[fading]]


def _window(crop: Crop, across: int, down: int) -> CropWindow:
    extents = []
    for before, after, shift in ((crop.left, crop.right, across), (crop.top, crop.bottom, down)):
        length = _SIDE / (1 - before - after)
        start = _MARGIN - before * length + shift / _SUBPIXELS
        extents.append((start, start + length))
    return CropWindow(*extents)

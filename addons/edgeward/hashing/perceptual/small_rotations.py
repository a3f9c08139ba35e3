"""Pictures rotated back by a few degrees: 64 x 64 samples of what they may have been before."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeward.hashing.perceptual.crop_windows import FILTER_DIVISOR, SAMPLES
from edgeward.hashing.perceptual.luma import Floats

ANGLES = (1, 2, 3, 4, 5, 6, 7, 8)
"""Degrees. Half a step from the true angle PDQ differs by about 5 bits."""
FITTED_ANGLES = (1, 2, 3, 4)
"""Angles that are also tried with a crop. With larger ones too little of the picture is left."""
_MAX_ASPECT = 4
"""Longer pictures are not tried."""
_BLUR_PASSES = 4
"""How often each unknown sample becomes the mean of its neighbours. The further out, the smoother they get; with more
passes a filled corner would spread into its surroundings."""


class SmallRotation(NamedTuple):
    """A rotation by `degrees`, clockwise. `width` and `height` of the original are in multiples of the present ones."""

    degrees: float
    width: float = 1
    height: float = 1


@lru_cache(maxsize=64)
def small_rotations(aspect: float) -> Sequence[SmallRotation]:
    """How a picture with this ratio of width to height may have been rotated.

    Tools keep the size and fill the corners; grow the size to hold all of the picture; or crop to the largest part
    without empty corners, of any aspect or of the same.
    """
    if max(aspect, 1 / aspect) > _MAX_ASPECT:
        return ()
    return tuple(
        SmallRotation(sign * angle, *sides) for angle in ANGLES for sides in _sides(angle, aspect) for sign in (1, -1)
    )


def _sides(angle: float, aspect: float) -> Sequence[tuple[float, float]]:
    """The original's width and height, in multiples of the present ones, for each way to treat the corners."""
    sine, cosine = _sine_cosine(angle)
    cropped = cosine + sine / aspect, cosine + sine * aspect
    grown = ((cosine - sine / aspect) / (cosine**2 - sine**2), (cosine - sine * aspect) / (cosine**2 - sine**2))
    return ((1, 1), grown, cropped, (max(cropped), max(cropped))) if angle in FITTED_ANGLES else ((1, 1), grown)


def _sine_cosine(degrees: float) -> tuple[float, float]:
    return math.sin(math.radians(degrees)), math.cos(math.radians(degrees))


def rotated_back(luma: Floats, aspect: float, shift: tuple[float, float]) -> Floats:
    """The samples of the original for each of k `small_rotations`: k x 64 x 64.

    `luma` is a square copy of the picture; `shift` (across, down) is `samples_shift`, in pixels of that copy. Beyond
    the edges the nearest known pixel is repeated, and blurred.
    """
    side, rotations = len(luma), small_rotations(aspect)
    maps = np.array([_affine(rotation, aspect, shift, side) for rotation in rotations], dtype=np.float32).reshape(-1, 6)
    margin = side // 2
    padded = Image.fromarray(np.pad(_prefiltered(luma), margin, "edge"))
    samples = np.empty((len(rotations), SAMPLES, SAMPLES), dtype=np.float32)
    for sample, map_ in zip(samples, maps + np.array((0, 0, margin, 0, 0, margin), dtype=np.float32), strict=True):
        sample[:] = np.asarray(_sampled(padded, map_))
    return _blurred(samples, _unknown(maps, side))


def _prefiltered(luma: Floats) -> Floats:
    """`luma` filtered as PDQ does, minus the filtering that scaling and bilinear sampling do already.

    Filters add up by their variances: the reference's two boxes have 2 w^2 / 12 for w = side / 128, a pixel of the copy
    has 1 / 12, and bilinear sampling 2 / 12.
    """
    weight = max(0.0, (len(luma) / FILTER_DIVISOR) ** 2 / 12 - 1 / 8)
    for _ in range(2):
        around = np.pad(luma, ((1, 1), (0, 0)), "edge")
        luma = (luma * np.float32(1 - 2 * weight) + (around[:-2] + around[2:]) * np.float32(weight)).T
    return luma


def _affine(rotation: SmallRotation, aspect: float, shift: tuple[float, float], side: int) -> tuple[float, ...]:
    """The position of sample (i, j) in the copy: x = a i + b j + c, y = d i + e j + f."""
    sine, cosine = _sine_cosine(rotation.degrees)
    across, down = rotation.width * side / SAMPLES, rotation.height * side / SAMPLES
    a, b = cosine * across, -sine * down / aspect
    d, e = sine * across * aspect, cosine * down
    return a, b, (side - (a + b) * SAMPLES) / 2 + shift[0], d, e, (side - (d + e) * SAMPLES) / 2 + shift[1]


def _sampled(picture: Image.Image, map_: Floats) -> Image.Image:
    size, method = (SAMPLES, SAMPLES), Image.Transform.AFFINE
    return picture.transform(size, method, tuple(map_.tolist()), Image.Resampling.BILINEAR)


def _unknown(maps: Floats, side: int) -> NDArray[np.bool_]:
    """Which samples lie beyond the edges: k x 64 x 64."""
    column = np.arange(SAMPLES, dtype=np.float32) + np.float32(0.5)
    a, b, c, d, e, f = maps.T[:, :, None, None]
    middle, row = np.float32(side / 2), column[:, None]
    across, down = np.abs(a * column + (b * row + (c - middle))), np.abs(d * column + (e * row + (f - middle)))
    return np.asarray(np.maximum(across, down) > middle)


def _blurred(samples: Floats, unknown: NDArray[np.bool_]) -> Floats:
    """`samples` with the unknown ones blurred."""
    around = np.pad(samples, ((0, 0), (1, 1), (1, 1)), "edge")
    flat, row = around.reshape(-1), SAMPLES + 2
    frame, down, across = np.nonzero(unknown)
    at = (frame * row + down + 1) * row + across + 1
    for _ in range(_BLUR_PASSES):
        flat[at] = (flat[at - 1] + flat[at + 1] + flat[at - row] + flat[at + row]) / 4
    return around[:, 1:-1, 1:-1]

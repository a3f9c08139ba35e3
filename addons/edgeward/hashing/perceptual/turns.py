"""Pictures turned back by a few degrees: 64 x 64 samples of what they may have been before."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeward.hashing.perceptual.luma import Floats
from edgeward.hashing.perceptual.windows import SAMPLES, WINDOW

ANGLES = (1, 2, 3, 4, 5, 6, 7, 8)
"""Degrees. At half a step beside the true angle PDQ is off by about 5 bits."""
FITTED_ANGLES = (1, 2, 3, 4)
"""Beyond these, too little is left of what was cropped to fit."""
_MAX_ASPECT = 4
"""Nobody turns a picture that is longer than this."""
_PASSES = 4
"""How often what is not known becomes the mean of its neighbours: it then varies less along the edge the further it is
from it, but no corner that was filled bleeds into its surroundings."""


class Turn(NamedTuple):
    """A picture was turned by so many degrees, clockwise; its sides were these multiples of those now seen."""

    degrees: float
    width: float = 1
    height: float = 1


@lru_cache(maxsize=64)
def turns(aspect: float) -> Sequence[Turn]:
    """How a picture with this ratio of width to height may have been turned.

    On a canvas of the same size, with its corners filled; on one that was grown to hold all of it; or cropped to the
    largest part without corners to fill, of any aspect or of the same.
    """
    if max(aspect, 1 / aspect) > _MAX_ASPECT:
        return ()
    return tuple(Turn(sign * angle, *sides) for angle in ANGLES for sides in _sides(angle, aspect) for sign in (1, -1))


def _sides(angle: float, aspect: float) -> Sequence[tuple[float, float]]:
    """Those of the original, in multiples of those now seen, for each way to turn it."""
    sine, cosine = _sine_cosine(angle)
    cut = cosine + sine / aspect, cosine + sine * aspect
    grown = ((cosine - sine / aspect) / (cosine**2 - sine**2), (cosine - sine * aspect) / (cosine**2 - sine**2))
    return ((1, 1), grown, cut, (max(cut), max(cut))) if angle in FITTED_ANGLES else ((1, 1), grown)


def _sine_cosine(degrees: float) -> tuple[float, float]:
    return math.sin(math.radians(degrees)), math.cos(math.radians(degrees))


def turned_back(luma: Floats, aspect: float, shift: tuple[float, float]) -> Floats:
    """The samples of the original for each of the `turns`: k x 64 x 64.

    `luma` is a square copy of the picture; `shift` (across, down) is `samples_shift`, in pixels of that copy. What lies
    beyond the edges is the nearest pixel known, blurred.
    """
    side, tried = len(luma), turns(aspect)
    maps = np.array([_affine(turn, aspect, shift, side) for turn in tried], dtype=np.float32).reshape(-1, 6)
    margin = side // 2
    padded = Image.fromarray(np.pad(_filtered(luma), margin, "edge"))
    samples = np.empty((len(tried), SAMPLES, SAMPLES), dtype=np.float32)
    for sample, map_ in zip(samples, maps + np.array((0, 0, margin, 0, 0, margin), dtype=np.float32), strict=True):
        sample[:] = np.asarray(_sampled(padded, map_))
    return _blurred(samples, _unknown(maps, side))


def _filtered(luma: Floats) -> Floats:
    """`luma` filtered as PDQ does it, as far as scaling it down and sampling between its pixels don't do so already.

    The reference's two box filters have a variance of 2 w^2 / 12 for w = side / 128, a pixel of the copy 1 / 12, and
    bilinear sampling 2 / 12.
    """
    weight = max(0.0, (len(luma) / WINDOW) ** 2 / 12 - 1 / 8)
    for _ in range(2):
        around = np.pad(luma, ((1, 1), (0, 0)), "edge")
        luma = (luma * np.float32(1 - 2 * weight) + (around[:-2] + around[2:]) * np.float32(weight)).T
    return luma


def _affine(turn: Turn, aspect: float, shift: tuple[float, float], side: int) -> tuple[float, ...]:
    """Where sample (i, j) lies in the copy: x = a i + b j + c, y = d i + e j + f."""
    sine, cosine = _sine_cosine(turn.degrees)
    across, down = turn.width * side / SAMPLES, turn.height * side / SAMPLES
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
    """`samples` with those blurred that are not known."""
    around = np.pad(samples, ((0, 0), (1, 1), (1, 1)), "edge")
    flat, row = around.reshape(-1), SAMPLES + 2
    frame, down, across = np.nonzero(unknown)
    at = (frame * row + down + 1) * row + across + 1
    for _ in range(_PASSES):
        flat[at] = (flat[at - 1] + flat[at + 1] + flat[at - row] + flat[at + row]) / 4
    return around[:, 1:-1, 1:-1]

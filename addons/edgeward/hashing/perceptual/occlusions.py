"""Pictures that may be covered in part by a caption, a logo or a sticker: that part inpainted from the rest.

As beyond the edges (extrapolation.py), the best guess for what is covered is harmonic: each sample is the mean of its
neighbours. The equation is solved exactly, in the eigenvectors of the second difference along both directions.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from edgeward.hashing.perceptual.crop_windows import SAMPLES
from edgeward.hashing.perceptual.luma import Floats

STRIPS = (4, 6, 8)
"""Widths of strips along a side, in samples: for bars of up to 10 %, which PDQ's filter spreads a little."""
CORNERS = (0.24, 0.33)
"""Sides of squares in a corner, in multiples of the square root of the area: for logos of 5 and 10 % of it."""
PATCHES = (0.33,)
"""The same inside the picture: for stickers of up to 5 %. Larger ones leave too little of the picture."""
_PATCH_CENTRES = (0.25, 0.5, 0.75)
"""Across and down, in multiples of the sides."""

type Span = tuple[int, int]
"""First sample, and the one after the last."""
type Modes = tuple[Floats, Floats]


class Occlusion(NamedTuple):
    """Which samples are covered."""

    across: Span
    down: Span


@lru_cache(maxsize=64)
def occlusions(aspect: float) -> Sequence[Occlusion]:
    """The parts that may be covered of a picture with this ratio of width to height: sides, corners, patches inside."""
    return *_strips(), *_corners(aspect), *_patches(aspect)


def _strips() -> Iterator[Occlusion]:
    every = 0, SAMPLES
    for strip in STRIPS:
        for span in ((0, strip), (SAMPLES - strip, SAMPLES)):
            yield Occlusion(every, span)
            yield Occlusion(span, every)


def _corners(aspect: float) -> Iterator[Occlusion]:
    for share, right, bottom in product(CORNERS, (0, 1), (0, 1)):
        width, height = _square(share, aspect)
        yield Occlusion(_span(right, width), _span(bottom, height))


def _patches(aspect: float) -> Iterator[Occlusion]:
    for share, across, down in product(PATCHES, _PATCH_CENTRES, _PATCH_CENTRES):
        width, height = _square(share, aspect)
        yield Occlusion(_span(across, width), _span(down, height))


def _square(share: float, aspect: float) -> tuple[float, float]:
    """Width and height, in samples, of an area that is a square in pixels."""
    return SAMPLES * share / math.sqrt(aspect), SAMPLES * share * math.sqrt(aspect)


def _span(middle: float, length: float) -> Span:
    """`length` samples around `middle` (0..1), moved and cut so that all lie within the picture."""
    whole = min(SAMPLES, max(1, round(length)))
    start = min(SAMPLES - whole, max(0, round(middle * SAMPLES - whole / 2)))
    return start, start + whole


def without_occlusions(samples: Floats, aspect: float) -> Floats:
    """64 x 64 `samples` with each of k `occlusions` inpainted: k x 64 x 64."""
    return np.array([inpainted(samples, occlusion, aspect) for occlusion in occlusions(aspect)], dtype=np.float32)


def inpainted(samples: Floats, occlusion: Occlusion, aspect: float) -> Floats:
    """`samples` with the covered ones interpolated from those around. Beyond the picture's edges there is nothing.

    In the modes (eigenvectors) of both directions the equations separate: each is solved by one division.
    """
    (left, right), (top, bottom) = occlusion
    # Samples are as many across as down, so in a wide picture neighbours across are farther apart and count less.
    near = aspect**-2
    down, modes_down = _modes(bottom - top, top > 0, bottom < SAMPLES)
    across, modes_across = _modes(right - left, left > 0, right < SAMPLES)
    incoming = modes_down.T @ _incoming(samples, occlusion, near) @ modes_across
    made = samples.copy()
    made[top:bottom, left:right] = modes_down @ (incoming / (down[:, None] + near * across)) @ modes_across.T
    return made


def _incoming(samples: Floats, occlusion: Occlusion, near: float) -> Floats:
    """What the samples around an occlusion add to those at its rim. `near`: weight of neighbours across."""
    (left, right), (top, bottom) = occlusion
    around = np.pad(samples, 1)[top : bottom + 2, left : right + 2]
    incoming = np.zeros((bottom - top, right - left), dtype=np.float32)
    incoming[0] += around[0, 1:-1]
    incoming[-1] += around[-1, 1:-1]
    incoming[:, 0] += near * around[1:-1, 0]
    incoming[:, -1] += near * around[1:-1, -1]
    return incoming


@lru_cache(maxsize=256)
def _modes(length: int, before: bool, after: bool) -> Modes:
    """Eigenvalues and eigenvectors of the second difference of `length` samples.

    `before` and `after`: whether there are known samples on that side.
    """
    differences = 2 * np.eye(length) - np.eye(length, k=1) - np.eye(length, k=-1)
    differences[0, 0] -= not before
    differences[-1, -1] -= not after
    factors, columns = np.linalg.eigh(differences)
    return factors.astype(np.float32), columns.astype(np.float32)

"""Pictures a part of which may be covered, by a caption, a logo or a sticker: that part continued from the rest.

As beyond the edges (`canvas`), what is under a cover is harmonic on average: each sample the mean of its neighbours.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from edgeward.hashing.perceptual.luma import Floats
from edgeward.hashing.perceptual.windows import SAMPLES

STRIPS = (4, 6, 8)
"""Samples along a side: for bars of up to 10 %, since PDQ's filter mixes a cover into the samples beside it."""
CORNERS = (0.24, 0.33)
"""Sides of squares, in multiples of the square root of the picture's area: for logos of 5 and 10 % of it."""
PATCHES = (0.33,)
"""The same within the picture: for stickers of up to 5 %. Larger ones leave too little to go by."""
_PLACES = (0.25, 0.5, 0.75)
"""Of the middles of patches, across and down."""

type Span = tuple[int, int]
"""First sample and the one after the last."""
type Modes = tuple[Floats, Floats]


class Cover(NamedTuple):
    """Which samples are covered."""

    across: Span
    down: Span


@lru_cache(maxsize=64)
def covers(aspect: float) -> Sequence[Cover]:
    """What may be covered of a picture with this ratio of width to height: a side, a corner or a patch within."""
    return *_strips(), *_corners(aspect), *_patches(aspect)


def _strips() -> Iterator[Cover]:
    every = 0, SAMPLES
    for strip in STRIPS:
        for span in ((0, strip), (SAMPLES - strip, SAMPLES)):
            yield Cover(every, span)
            yield Cover(span, every)


def _corners(aspect: float) -> Iterator[Cover]:
    for share, right, bottom in product(CORNERS, (0, 1), (0, 1)):
        width, height = _square(share, aspect)
        yield Cover(_span(right, width), _span(bottom, height))


def _patches(aspect: float) -> Iterator[Cover]:
    for share, across, down in product(PATCHES, _PLACES, _PLACES):
        width, height = _square(share, aspect)
        yield Cover(_span(across, width), _span(down, height))


def _square(share: float, aspect: float) -> tuple[float, float]:
    """Width and height, in samples, of what is a square in pixels."""
    return SAMPLES * share / math.sqrt(aspect), SAMPLES * share * math.sqrt(aspect)


def _span(middle: float, length: float) -> Span:
    """So many samples around that place, 0..1; no more than there are, all of them within the picture."""
    whole = min(SAMPLES, max(1, round(length)))
    start = min(SAMPLES - whole, max(0, round(middle * SAMPLES - whole / 2)))
    return start, start + whole


def uncovered(samples: Floats, aspect: float) -> Floats:
    """64 x 64 `samples` without each of the `covers`: k x 64 x 64."""
    return np.array([filled(samples, cover, aspect) for cover in covers(aspect)], dtype=np.float32)


def filled(samples: Floats, cover: Cover, aspect: float) -> Floats:
    """`samples` with those covered continued from those around. At the picture's edges nothing comes in.

    In the modes of both directions the sum of a sample's differences from its neighbours is a product.
    """
    (left, right), (top, bottom) = cover
    near = aspect**-2
    down, modes_down = _modes(bottom - top, top > 0, bottom < SAMPLES)
    across, modes_across = _modes(right - left, left > 0, right < SAMPLES)
    incoming = modes_down.T @ _incoming(samples, cover, near) @ modes_across
    made = samples.copy()
    made[top:bottom, left:right] = modes_down @ (incoming / (down[:, None] + near * across)) @ modes_across.T
    return made


def _incoming(samples: Floats, cover: Cover, near: float) -> Floats:
    """What the samples around a cover add to those beside them. `near`: how much more neighbours across count."""
    (left, right), (top, bottom) = cover
    around = np.pad(samples, 1)[top : bottom + 2, left : right + 2]
    incoming = np.zeros((bottom - top, right - left), dtype=np.float32)
    incoming[0] += around[0, 1:-1]
    incoming[-1] += around[-1, 1:-1]
    incoming[:, 0] += near * around[1:-1, 0]
    incoming[:, -1] += near * around[1:-1, -1]
    return incoming


@lru_cache(maxsize=256)
def _modes(length: int, before: bool, after: bool) -> Modes:
    """Of the second difference of so many samples: factors and columns. Before and after them some may be known."""
    differences = 2 * np.eye(length) - np.eye(length, k=1) - np.eye(length, k=-1)
    differences[0, 0] -= not before
    differences[-1, -1] -= not after
    factors, columns = np.linalg.eigh(differences)
    return factors.astype(np.float32), columns.astype(np.float32)

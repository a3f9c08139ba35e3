"""What a picture may have been before it was cropped, turned by a few degrees or covered in part: a search over them.

A list holds the hash of the whole original, and no part of the query has it. But as far as edges tell what lay beyond
them, the query can be put back to what it was: with a margin where one may have been cut off, turned back, or with what
may be a caption, a logo or a sticker replaced by what is around it. Each variant has a PDQ of its own, for
`View.SEARCHED`. All are made from one small copy of the luma.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from PIL import Image

from edgeward.hashing.perceptual.canvas import continued
from edgeward.hashing.perceptual.covers import uncovered
from edgeward.hashing.perceptual.luma import Floats
from edgeward.hashing.perceptual.turns import turned_back
from edgeward.hashing.perceptual.windows import Extent, Window, of_samples, of_windows, samples, samples_shift, values

_SIDE = 256
"""Of the copy: PDQ's filter lets in what is finer than 64 samples can tell, so fewer pixels move some bits."""
_MARGIN = 36
"""Enough for the widest of the cuts, and the shift of what has 100 pixels or more."""
_STEPS = 8
"""Places are rounded to so many parts of a pixel: their matrices are kept, since most sides have one of few shifts."""


class Cut(NamedTuple):
    """What part of the original's width or height was cut off each side."""

    left: float
    top: float
    right: float
    bottom: float


def _alike(sides: int, *shares: float) -> Iterator[Cut]:
    """As much off each of so many sides, whichever they are."""
    for which, share in product(combinations(range(4), sides), shares):
        yield Cut(*(share if side in which else 0 for side in range(4)))


def _corners(one: float, other: float) -> Iterator[Cut]:
    """So much off a side and of the next, whichever they are."""
    for side in range(4):
        cut = deque((one, other, 0, 0))
        cut.rotate(side)
        yield Cut(*cut)


CUTS: Mapping[float, Sequence[Cut]] = {
    1: (
        *_alike(1, 0.025, 0.0375, 0.05, 0.0625, 0.075, 0.0875, 0.1),
        *_alike(2, 0.025, 0.05),
        *_corners(0.025, 0.05),
        *_corners(0.05, 0.025),
        *_alike(3, 0.025, 0.0375),
        *_alike(4, 0.0125, 0.025, 0.0375, 0.05),
    ),
    4: tuple(_alike(1, 0.05, 0.075, 0.1)),
}
"""What is tried, by how much sooner than harmonic waves those beyond the edges fade: as in photographs on average, and
as in those full of fine detail.

Chosen by what each adds to the crops that are found. Further ones and finer steps were tried: all together add 4 in a
hundred at twice the number.
"""


def searched(image: Image.Image, scale: int = 1, size: tuple[int, int] | None = None) -> tuple[str, ...]:
    """The distinct PDQ values of what an "L" or "RGB" picture may have been, other than itself.

    With `scale` > 1 each pixel stands for scale x scale pixels of a picture of `size`, as in `pdq`.
    """
    width, height = size or image.size
    luma = _copy(image, (width / scale, height / scale))
    shift = samples_shift(width) * _SIDE / width, samples_shift(height) * _SIDE / height
    across, down = (round(pixels * _STEPS) for pixels in shift)
    canvases = {fading: continued(luma, _MARGIN, fading) for fading in CUTS}
    cropped = [of_windows(canvas, _windows(fading, across, down)) for fading, canvas in canvases.items()]
    whole = samples(canvases[1], _window(Cut(0, 0, 0, 0), across, down))
    turned, covered = turned_back(luma, width / height, shift), uncovered(whole, width / height)
    return tuple(dict.fromkeys(values(np.concatenate([*cropped, of_samples(turned), of_samples(covered)]))))


def _copy(image: Image.Image, size: tuple[float, float]) -> Floats:
    """The luma of that part of `image`, scaled to a square."""
    copy = image.resize((_SIDE, _SIDE), Image.Resampling.BOX, (0, 0, *size), reducing_gap=2)
    return np.asarray(copy.convert("L"), dtype=np.float32)


@lru_cache(maxsize=64)
def _windows(fading: float, across: int, down: int) -> Sequence[Window]:
    """Where the original would lie on the canvas for each of the CUTS. Shifts are in 1 / _STEPS of a pixel."""
    return [_window(cut, across, down) for cut in CUTS[fading]]


def _window(cut: Cut, across: int, down: int) -> Window:
    return Window(_extent(cut.left, cut.right, across), _extent(cut.top, cut.bottom, down))


def _extent(before: float, after: float, shift: int) -> Extent:
    length = _SIDE / (1 - before - after)
    start = _MARGIN - before * length + shift / _STEPS
    return start, start + length

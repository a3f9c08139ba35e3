"""Borders and letterboxes: where within a picture the picture proper may lie. Told by the luma alone.

From each side lines are walked inwards for as long as they are of one tone, which may drift. The border ends where,
within the reach of a JPEG block's ringing, neighbouring lines differ most. A picture may itself have plain edges, so
where the sides disagree there are several answers: each is hashed, and costs no more than that.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgeward.hashing.perceptual.luma import Luma8

type Box = tuple[int, int, int, int]
"""Left, top, right, bottom, as in Pillow: right and bottom are outside."""
type _Margins = tuple[int, int]
"""Lines of border at the beginning and at the end of one axis."""

MAX_BOXES = 3
_TOLERANCE = 14
"""Levels by which a pixel of a border may differ from its tone: compression at its worst, faint gradients."""
_STRAYS = 0.02
"""The share of a line's pixels that may differ more."""
_RINGING = 8
"""Lines of a border that the picture beside it shines into: a block of JPEG."""
_EDGE = 0.6
"""The border ends at the first difference between lines that is as large as this share of the largest one near."""
_ALIKE = 2
"""Lines by which the margins of two sides may differ and still be meant to be equal."""
_STRIP_LINES, _STRIPS = 16, 256
_ACROSS = 1024
"""So many pixels of a line are looked at."""


def inner_boxes(luma: Luma8, smallest: int) -> list[Box]:
    """The boxes that a picture within borders may fill, the likeliest first; none where there is no border.

    `luma` is height x width. A box has no side under `smallest` pixels. The first may be one with a border of its own.
    """
    found = list(_boxes(luma, smallest))
    for left, top, right, bottom in found[:1]:
        nested = _boxes(luma[top:bottom, left:right], smallest)
        found += [(left + box[0], top + box[1], left + box[2], top + box[3]) for box in nested]
    return list(dict.fromkeys(found))[:MAX_BOXES]


def _boxes(luma: Luma8, smallest: int) -> Iterator[Box]:
    height, width = luma.shape
    down, across = _margins(luma), _margins(luma.T)
    # Both axes at their most likely, or both at their least; then one of each.
    for one, other in ((0, 0), (-1, -1), (0, -1), (-1, 0)):
        (top, bottom), (left, right) = down[one], across[other]
        box = (left, top, width - right, height - bottom)
        if box != (0, 0, width, height) and min(box[2] - left, box[3] - top) >= smallest:
            yield box


def _margins(lines: Luma8) -> list[_Margins]:
    """How many lines of border there may be at either end of an axis, the likeliest first."""
    lines = lines[:, :: -(-lines.shape[1] // _ACROSS)]
    first, last = _margin(lines), _margin(lines[::-1])
    if first and last and abs(_tone(lines[0]) - _tone(lines[-1])) > _TOLERANCE:
        # One border has one tone: the other side is the picture's own.
        return [(first, 0), (0, last)]
    if abs(first - last) <= _ALIKE:
        return [(first, last)]
    least = min(first, last)
    return [(first, last), (least, least)]


def _margin(lines: Luma8) -> int:
    """How many lines of border come first; all but one where everything is of one tone."""
    tone, end = _tone(lines[0]), len(lines) - 1
    at, step = 0, max(_STRIP_LINES, len(lines) // _STRIPS)
    if not _plain(lines[:1], tone)[0]:
        return 0
    while at < end:
        strip = lines[at : at + step]
        plain = _plain(strip, tone)
        if not plain.all():
            return _edge(lines, at + int(plain.argmin()))
        tone, at = _tone(strip[-1]), at + len(strip)
    return end


def _plain(lines: Luma8, tone: int) -> NDArray[np.bool_]:
    strays = np.abs(lines.astype(np.int16) - tone) > _TOLERANCE
    return np.asarray(np.count_nonzero(strays, axis=1) <= _STRAYS * lines.shape[1])


def _tone(line: Luma8) -> int:
    """The median, several times faster than numpy's own."""
    return int(np.sort(line)[len(line) // 2])


def _edge(lines: Luma8, at: int) -> int:
    """The line at which the picture begins, near the first that is not plain."""
    start = max(at - 2, 1)
    near = lines[start - 1 : at + _RINGING + 1].astype(np.int16)
    steps = np.abs(np.diff(near, axis=0)).mean(axis=1)
    return start + int((steps >= _EDGE * steps.max()).argmax())

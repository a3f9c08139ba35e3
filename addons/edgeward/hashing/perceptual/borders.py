"""Borders and letterboxes: the boxes inside a picture that may hold the picture proper. Found in the luma alone.

From each side, lines are followed inwards while they have one tone, which may drift. The border ends where neighbouring
lines differ most, within the 8 pixels over which a JPEG block can smear the edge. A picture can have plain edges of its
own, so if the sides disagree there are several answers. Each is hashed; a wrong one costs time and matches nothing.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgeward.hashing.perceptual.luma import Luma8

type Box = tuple[int, int, int, int]
"""Left, top, right, bottom, as in Pillow: right and bottom are outside."""
type _Margins = tuple[int, int]
"""Lines of border at the start and at the end of one axis."""

MAX_BOXES = 3
_TOLERANCE = 14
"""Levels by which a border's pixel may differ from its tone: strong compression, or a faint gradient."""
_MAX_STRAY_SHARE = 0.02
"""Share of a line's pixels that may differ more."""
_JPEG_BLOCK = 8
"""Lines of a border into which the picture beside it can ring."""
_EDGE_SHARE = 0.6
"""The border ends at the first difference between lines that is at least this share of the largest one nearby."""
_EQUAL_LINES = 2
"""Two margins that differ by no more lines count as equal."""
_STRIP_LINES, _STRIPS = 16, 256
_MAX_PIXELS_PER_LINE = 1024
"""Pixels of a line that are looked at: longer lines are sampled."""


def inner_boxes(luma: Luma8, smallest: int) -> list[Box]:
    """The boxes that a picture within borders may fill, the likeliest first; none if there is no border.

    `luma` is height x width. No box has a side under `smallest` pixels. The first box is searched for a border of its
    own, as a letterboxed video within a frame has.
    """
    found = list(_boxes(luma, smallest))
    for left, top, right, bottom in found[:1]:
        nested = _boxes(luma[top:bottom, left:right], smallest)
        found += [(left + box[0], top + box[1], left + box[2], top + box[3]) for box in nested]
    return list(dict.fromkeys(found))[:MAX_BOXES]


def _boxes(luma: Luma8, smallest: int) -> Iterator[Box]:
    height, width = luma.shape
    down, across = _margins(luma), _margins(luma.T)
    # Both axes at their likeliest margins, or both at their smallest; then one of each.
    for one, other in ((0, 0), (-1, -1), (0, -1), (-1, 0)):
        (top, bottom), (left, right) = down[one], across[other]
        box = (left, top, width - right, height - bottom)
        if box != (0, 0, width, height) and min(box[2] - left, box[3] - top) >= smallest:
            yield box


def _margins(lines: Luma8) -> list[_Margins]:
    """Lines of border at both ends of an axis: the possible answers, the likeliest first."""
    lines = lines[:, :: -(-lines.shape[1] // _MAX_PIXELS_PER_LINE)]
    first, last = _margin(lines), _margin(lines[::-1])
    if first and last and abs(_tone(lines[0]) - _tone(lines[-1])) > _TOLERANCE:
        # A border has one tone. With two, one of them is a plain edge of the picture itself.
        return [(first, 0), (0, last)]
    if abs(first - last) <= _EQUAL_LINES:
        return [(first, last)]
    least = min(first, last)
    return [(first, last), (least, least)]


def _margin(lines: Luma8) -> int:
    """Number of border lines at the start; all but one if everything has one tone."""
    tone, end = _tone(lines[0]), len(lines) - 1
    # In strips: the tone is updated after each, so that it may drift, and large pictures take few numpy calls.
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
    """Whether each line has this tone."""
    strays = np.abs(lines.astype(np.int16) - tone) > _TOLERANCE
    return np.asarray(np.count_nonzero(strays, axis=1) <= _MAX_STRAY_SHARE * lines.shape[1])


def _tone(line: Luma8) -> int:
    """The median of a line. Several times faster than np.median."""
    return int(np.sort(line)[len(line) // 2])


def _edge(lines: Luma8, at: int) -> int:
    """The line at which the picture begins, near `at`, the first that is not plain."""
    start = max(at - 2, 1)
    near = lines[start - 1 : at + _JPEG_BLOCK + 1].astype(np.int16)
    differences = np.abs(np.diff(near, axis=0)).mean(axis=1)
    return start + int((differences >= _EDGE_SHARE * differences.max()).argmax())

"""PDQ of windows of a canvas: the hashes of pictures of which parts of the canvas are scaled-down copies.

As in `pdq`, all up to the thresholds is linear: the frequencies of a window are B . Y . C^T, where B and C (16 rows)
depend on its extent along one side alone. So windows of the same extent share a product with the canvas Y.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from edgeward.hashing.perceptual.luma import Floats

type Extent = tuple[float, float]
"""Start and end along one side, in pixels of the canvas. They may lie within a pixel."""

SAMPLES = 64
WINDOW = 128
"""The reference's box filter is ceil(n / 128) pixels wide where a side has n."""
_KEPT = 16
"""Frequencies along each side."""
_DIGITS = 64


class Window(NamedTuple):
    """Where a picture lies on the canvas."""

    across: Extent
    down: Extent


def samples_shift(length: int) -> float:
    """By how many pixels, on average, the reference samples a side of `length` pixels beside the places it means.

    Each of its two passes is half a pixel late where its box has an even number of pixels; a place is rounded down to a
    whole pixel, of which the middle is what is sampled.
    """
    places = (2 * np.arange(SAMPLES) + 1) * length / (2 * SAMPLES)
    late = 1 if -(-length // WINDOW) % 2 == 0 else 0
    return late + 0.5 - float(np.mean(places % 1))


def of_windows(canvas: Floats, windows: Sequence[Window]) -> Floats:
    """The frequencies of each window: k x 16 x 16, down and across. Beyond the canvas all is black."""
    height, width = canvas.shape
    across, down = (tuple(sorted(set(extents))) for extents in zip(*windows, strict=True))
    columns = (_matrices(across, width).reshape(-1, width) @ canvas.T).reshape(len(across), _KEPT, height)
    left, right = [down.index(window.down) for window in windows], [across.index(window.across) for window in windows]
    return np.asarray(_matrices(down, height)[left] @ columns[right].transpose(0, 2, 1), dtype=np.float32)


def samples(canvas: Floats, window: Window) -> Floats:
    """What `pdq` samples of that window: 64 x 64."""
    height, width = canvas.shape
    return np.asarray(_sampling(window.down, height) @ canvas @ _sampling(window.across, width).T)


def of_samples(samples: Floats) -> Floats:
    """The frequencies of each of k x 64 x 64 samples: k x 16 x 16."""
    return np.asarray(_DCT @ samples @ _DCT.T, dtype=np.float32)


def values(frequencies: Floats) -> list[str]:
    """The PDQ (64 hexadecimal digits) of each of k x 16 x 16 frequencies."""
    flat = frequencies.reshape(len(frequencies), _KEPT * _KEPT)
    medians = np.partition(flat, 127, axis=1)[:, 127]
    digits = np.packbits((flat > medians[:, None])[:, ::-1], axis=1).tobytes().hex()
    return [digits[start : start + _DIGITS] for start in range(0, len(digits), _DIGITS)]


@lru_cache(maxsize=32)
def _matrices(extents: Sequence[Extent], length: int) -> Floats:
    """For each extent along a side of `length` pixels the matrix from pixels to frequencies: k x 16 x length."""
    return np.asarray(_DCT @ _weights(extents, length), dtype=np.float32)


@lru_cache(maxsize=32)
def _sampling(extent: Extent, length: int) -> Floats:
    """From pixels to samples: 64 x length."""
    return np.asarray(_weights((extent,), length)[0], dtype=np.float32)


def _weights(extents: Sequence[Extent], length: int) -> Floats:
    """For each extent along a side of `length` pixels that of each pixel in each sample: k x 64 x length.

    Two box filters of 1/128 of the extent are a triangle; a pixel's weight in a sample is the triangle's area over it.
    """
    starts, ends = np.array(extents, dtype=np.float32).T[:, :, None, None]
    middles = starts + (ends - starts) * ((np.arange(SAMPLES, dtype=np.float32)[:, None] + 0.5) / SAMPLES)
    edges = np.clip((np.arange(length + 1, dtype=np.float32) - middles) * (WINDOW / (ends - starts)), -1, 1)
    return np.diff(np.where(edges < 0, (1 + edges) ** 2, 2 - (1 - edges) ** 2) / 2)


def _dct() -> Floats:
    """Rows 1 to 16 of the 64-point DCT-II, as in `pdq`."""
    frequency, sample = np.arange(1, _KEPT + 1)[:, None], np.arange(SAMPLES)[None, :]
    return np.cos(np.pi / (2 * SAMPLES) * frequency * (2 * sample + 1)).astype(np.float32)


_DCT: Floats = _dct()

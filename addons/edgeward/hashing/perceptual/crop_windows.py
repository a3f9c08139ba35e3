"""PDQs of windows of a picture (here: of extrapolated luma), each as if the window were a picture by itself.

As in `pdq`, everything up to the thresholds is linear: the frequencies of a window are B . Y . C^T, where Y is the
luma, and B and C (16 rows each) depend only on the window's extent along one side. So windows with the same extent
share a product with Y.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from edgeward.hashing.perceptual.luma import Floats

type Extent = tuple[float, float]
"""Start and end along one side, in pixels of the luma. They need not be whole numbers."""

SAMPLES = 64
FILTER_DIVISOR = 128
"""The reference's box filter is ceil(n / 128) pixels wide on a side of n pixels."""
_FREQUENCIES = 16
"""Along each side."""
_HEX_DIGITS = 64


class CropWindow(NamedTuple):
    """A window of the luma."""

    across: Extent
    down: Extent


def samples_shift(length: int) -> float:
    """How far from the intended positions the reference samples a side of `length` pixels: in pixels, on average.

    Each of its two filter passes is half a pixel late if its box has an even number of pixels. A position is rounded
    down to a whole pixel, and the middle of that pixel is sampled.
    """
    positions = (2 * np.arange(SAMPLES) + 1) * length / (2 * SAMPLES)
    late = 1 if -(-length // FILTER_DIVISOR) % 2 == 0 else 0
    return late + 0.5 - float(np.mean(positions % 1))


def window_frequencies(luma: Floats, windows: Sequence[CropWindow]) -> Floats:
    """The frequencies of each of k windows: k x 16 x 16, down and across. Outside `luma` (h x w) all is black."""
    height, width = luma.shape
    across, down = (tuple(sorted(set(extents))) for extents in zip(*windows, strict=True))
    columns = (_frequency_matrices(across, width).reshape(-1, width) @ luma.T).reshape(
        len(across), _FREQUENCIES, height
    )
    left, right = [down.index(window.down) for window in windows], [across.index(window.across) for window in windows]
    return np.asarray(_frequency_matrices(down, height)[left] @ columns[right].transpose(0, 2, 1), dtype=np.float32)


def window_samples(luma: Floats, window: CropWindow) -> Floats:
    """The 64 x 64 samples that `pdq` would take of that window."""
    height, width = luma.shape
    return np.asarray(_sampling_matrix(window.down, height) @ luma @ _sampling_matrix(window.across, width).T)


def sample_frequencies(samples: Floats) -> Floats:
    """The frequencies of each of k x 64 x 64 samples: k x 16 x 16."""
    return np.asarray(_DCT @ samples @ _DCT.T, dtype=np.float32)


def pdq_values(frequencies: Floats) -> list[str]:
    """The PDQ (64 hexadecimal digits) of each of k x 16 x 16 frequencies."""
    flat = frequencies.reshape(len(frequencies), _FREQUENCIES * _FREQUENCIES)
    medians = np.partition(flat, 127, axis=1)[:, 127]
    digits = np.packbits((flat > medians[:, None])[:, ::-1], axis=1).tobytes().hex()
    return [digits[start : start + _HEX_DIGITS] for start in range(0, len(digits), _HEX_DIGITS)]


@lru_cache(maxsize=32)
def _frequency_matrices(extents: Sequence[Extent], length: int) -> Floats:
    """The matrix from pixels to frequencies for each extent along a side of `length` pixels: k x 16 x length."""
    return np.asarray(_DCT @ _weights(extents, length), dtype=np.float32)


@lru_cache(maxsize=32)
def _sampling_matrix(extent: Extent, length: int) -> Floats:
    """The matrix from pixels to samples: 64 x length."""
    return np.asarray(_weights((extent,), length)[0], dtype=np.float32)


def _weights(extents: Sequence[Extent], length: int) -> Floats:
    """The weight of each pixel in each sample, for each extent along a side of `length` pixels: k x 64 x length.

    Two box filters of 1/128 of the extent make a triangle. A pixel's weight in a sample is the triangle's area over it.
    """
    starts, ends = np.array(extents, dtype=np.float32).T[:, :, None, None]
    middles = starts + (ends - starts) * ((np.arange(SAMPLES, dtype=np.float32)[:, None] + 0.5) / SAMPLES)
    edges = np.clip((np.arange(length + 1, dtype=np.float32) - middles) * (FILTER_DIVISOR / (ends - starts)), -1, 1)
    return np.diff(np.where(edges < 0, (1 + edges) ** 2, 2 - (1 - edges) ** 2) / 2)


def _dct() -> Floats:
    """Rows 1 to 16 of the 64-point DCT-II, as in `pdq`."""
    frequency, sample = np.arange(1, _FREQUENCIES + 1)[:, None], np.arange(SAMPLES)[None, :]
    return np.cos(np.pi / (2 * SAMPLES) * frequency * (2 * sample + 1)).astype(np.float32)


_DCT: Floats = _dct()

"""What may lie beyond the edges of a picture: its luma, extrapolated by a margin.

In photographs amplitudes fall with frequency like 1/f. The mean of all such pictures that agree with the known pixels
is harmonic (it solves Laplace's equation): an edge's mean continues unchanged, and along an edge of n pixels a wave of
k half periods fades with the distance d as exp(-pi k d / n). In grass, gravel or foliage amplitudes fall less, and
waves fade faster.
"""

from functools import lru_cache

import numpy as np

from edgeward.hashing.perceptual.luma import Floats


def extrapolated(luma: Floats, margin: int, fading: float = 1) -> Floats:
    """`luma` (h x w) with `margin` more rows and columns on each side: (h + 2 margin) x (w + 2 margin).

    `fading`: how many times faster than harmonic waves fade.
    """
    tall = np.concatenate([_beyond(luma[0], margin, fading)[::-1], luma, _beyond(luma[-1], margin, fading)])
    left, right = _beyond(tall[:, 0], margin, fading)[::-1], _beyond(tall[:, -1], margin, fading)
    return np.concatenate([left.T, tall, right.T], axis=1)


def _beyond(edge: Floats, margin: int, fading: float) -> Floats:
    """The rows beyond an edge of n pixels, the nearest first: margin x n."""
    waves = _waves(len(edge))
    return np.asarray((_remainder(len(edge), margin, fading) * (waves @ edge)) @ waves)


@lru_cache(maxsize=8)
def _waves(length: int) -> Floats:
    """The DCT-II of `length` points, orthonormal: a row per frequency."""
    frequency, place = np.arange(length)[:, None], np.arange(length)[None, :]
    waves = np.cos(np.pi / length * frequency * (place + 0.5)) * np.sqrt(np.where(frequency, 2, 1) / length)
    return np.asarray(waves, dtype=np.float32)


@lru_cache(maxsize=8)
def _remainder(length: int, margin: int, fading: float) -> Floats:
    """The remaining share of each frequency (across) at 1 to `margin` pixels from the edge (down)."""
    frequency, distance = np.arange(length)[None, :], np.arange(1, margin + 1)[:, None]
    return np.asarray(np.exp(-np.pi * fading / length * frequency * distance), dtype=np.float32)

"""What may lie beyond the edges of a picture: its luma, continued by a margin.

The amplitudes of photographs fall like 1/f. Of all pictures of that kind that agree with what is known, the mean is the
harmonic one: the mean of an edge goes on as it is, and a wave of k half periods along an edge of n pixels fades as
exp(-pi k d / n) with the distance d. In grass, gravel or foliage, whose amplitudes fall less, waves fade sooner.
"""

from functools import lru_cache

import numpy as np

from edgeward.hashing.perceptual.luma import Floats


def continued(luma: Floats, margin: int, fading: float = 1) -> Floats:
    """`luma` (h x w) with `margin` rows and columns more on each side: (h + 2 margin) x (w + 2 margin).

    `fading` is how much sooner waves fade than harmonic ones.
    """
    tall = np.concatenate([_beyond(luma[0], margin, fading)[::-1], luma, _beyond(luma[-1], margin, fading)])
    left, right = _beyond(tall[:, 0], margin, fading)[::-1], _beyond(tall[:, -1], margin, fading)
    return np.concatenate([left.T, tall, right.T], axis=1)


def _beyond(edge: Floats, margin: int, fading: float) -> Floats:
    """The rows beyond an edge of n pixels, nearest first: margin x n."""
    waves = _waves(len(edge))
    return np.asarray((_left(len(edge), margin, fading) * (waves @ edge)) @ waves)


@lru_cache(maxsize=8)
def _waves(length: int) -> Floats:
    """The DCT-II of `length` points, orthonormal: a row per frequency."""
    frequency, place = np.arange(length)[:, None], np.arange(length)[None, :]
    waves = np.cos(np.pi / length * frequency * (place + 0.5)) * np.sqrt(np.where(frequency, 2, 1) / length)
    return np.asarray(waves, dtype=np.float32)


@lru_cache(maxsize=8)
def _left(length: int, margin: int, fading: float) -> Floats:
    """What is left of each frequency (across) at 1 to `margin` pixels from the edge (down)."""
    frequency, distance = np.arange(length)[None, :], np.arange(1, margin + 1)[:, None]
    return np.asarray(np.exp(-np.pi * fading / length * frequency * distance), dtype=np.float32)

"""Pillow's LANCZOS from a whole photograph down to a few pixels, several times faster, for pictures in transit.

imagehash first resizes to 32 x 32 (phash) or 9 x 8 (dhash). In Pillow's integer loops that takes longer than decoding a
JPEG. The same resampling (Pillow, src/libImaging/Resample.c) is two products with narrow-band matrices

    Z = A_V . round(Y . A_H^T)

where each row of A holds the windowed sinc around one pixel of Z; its sum is 1. As in Pillow, rows are resampled first,
and both results are rounded and clipped to 8 bits: otherwise overshoot at sharp edges would leak into flat areas.
Pillow's weights have 22 bits, those here 24, so a few pixels differ, by one level. Pillow 13 resamples columns first if
a picture is tall. Earlier versions, which made most lists, do not, and neither does this module.

Exact hashes (HashRequest.exact) are resized by Pillow itself.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeward.hashing.perceptual.luma import Floats, Luma

type _Ints = NDArray[np.int_]
type _Blocks = Sequence[tuple[int, Floats]]

_LOBES = 3
_WIDE_BANDS = 16
"""If fewer pixels are wanted, bands are wide, and blocks of two columns are faster than blocks of four."""
_CACHED_LENGTH = 8192
"""Longer sides are rare and their matrices large, so these are not cached."""


class _Axis(NamedTuple):
    """One side: of `length` pixels the first `span` (the last one maybe in part) become `wanted` pixels."""

    length: int
    span: float
    wanted: int


def resize(luma: Luma, size: tuple[int, int], span: tuple[float, float]) -> Image.Image:
    """What `image.resize(size, LANCZOS, (0, 0, *span))` gives for the "L" image of `luma`, within one level."""
    across = _matrix(_Axis(luma.width, span[0], size[0]))
    down = _matrix(_Axis(luma.height, span[1], size[1]))
    narrow = np.concatenate([_eight_bits(_apply(strip, across)) for strip in luma.strips()])
    return Image.fromarray(_eight_bits(_apply(narrow.T, down)).T.astype(np.uint8))


def _apply(values: Floats, blocks: _Blocks) -> Floats:
    """X . A^T (n x wanted) for values X (n x length)."""
    return np.concatenate([values[:, start : start + len(block)] @ block for start, block in blocks], axis=1)


def _eight_bits(values: Floats) -> Floats:
    """Rounded half up and clipped, as Pillow keeps its pixels."""
    return np.clip(np.floor(values + np.float32(0.5)), 0, 255)


def _matrix(axis: _Axis) -> _Blocks:
    return _cached_blocks(axis) if axis.length <= _CACHED_LENGTH else _blocks(axis)


def _blocks(axis: _Axis) -> _Blocks:
    """A^T in blocks of a few columns, each with the row at which it starts. Zeros outside the band are left out."""
    starts, weights = _bands(axis)
    count = 2 if axis.wanted < _WIDE_BANDS else 4
    blocks = (slice(at, at + count) for at in range(0, axis.wanted, count))
    return [_block(axis.length, starts[block], weights[block]) for block in blocks]


_cached_blocks = lru_cache(maxsize=32)(_blocks)


def _block(length: int, starts: _Ints, weights: Floats) -> tuple[int, Floats]:
    first = int(starts[0])
    block = np.zeros((int(starts[-1]) - first + weights.shape[1], len(starts)), dtype=np.float32)
    for column, start, band in zip(block.T, starts - first, weights, strict=True):
        column[start : start + len(band)] = band
    return first, block[: length - first]


def _bands(axis: _Axis) -> tuple[_Ints, Floats]:
    """For each wanted pixel: the first source pixel, and the weights from there on, padded with zeros."""
    step = axis.span / axis.wanted
    stretch = max(1.0, step)
    centres = (np.arange(axis.wanted) + 0.5) * step
    starts, ends = ((centres + side * _LOBES * stretch + 0.5).astype(int) for side in (-1, 1))
    starts, ends = np.maximum(starts, 0), np.minimum(ends, axis.length)
    places = starts[:, None] + np.arange((ends - starts).max())
    at = (places - centres[:, None] + 0.5) / stretch
    within = (np.abs(at) < _LOBES) & (places < ends[:, None])
    weights = np.where(within, np.sinc(at) * np.sinc(at / _LOBES), 0)
    return starts, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

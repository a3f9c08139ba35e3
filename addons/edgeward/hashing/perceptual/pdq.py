"""PDQ, Meta's perceptual hash of 256 bits, as two matrix products.

The reference ("The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019) takes the luma, runs
a box filter twice along rows and columns, picks 64 x 64 samples, keeps the 16 x 16 lowest frequencies of their DCT, and
sets a bit for each that is above their median. All but the last step is linear. So for a picture Y of H x W pixels the
samples are

    S = A_H . Y . A_W^T

where A_n (64 x n) combines both filter passes and the sampling, and the frequencies are D . S . D^T. A_n is a narrow
band, so it is applied in strips of rows: a large picture is never held as floats as a whole. For a picture that was
scaled down by s, every s columns of A_n are added up. That gives the samples of the original; hashing the smaller
picture would give others, since the reference would filter it differently and sample half a pixel off.

A mirrored picture is hashed by mirroring A, a transposed one by transposing the frequencies: one product along columns
serves two orientations, and the other product costs next to nothing. The reference's "dihedral" hashes change the signs
of odd frequencies instead. That is free, but since its samples are not placed symmetrically, it hashes a picture moved
by up to three pixels: at 200 x 150 up to 46 bits from the hash of the mirrored picture, beyond any radius. Here no bit
differs.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeward.hashing.perceptual.luma import Floats, Luma

type _Strips = Sequence[tuple[int, Floats]]

_SAMPLES = 64
_LUMA_WEIGHTS = np.array((0.299, 0.587, 0.114), dtype=np.float32)
_STRIP_VALUES = 256 * 1024
"""Values of a strip: few enough that their floats stay in a core's cache."""
_ROWS_PER_BLOCK = 4
"""Rows of A in a block if rows of X are in memory. Larger blocks of a narrow band hold more zeros."""
_MAX_WIDTH = 65536
"""Between the two products 64 x width floats are held, so wider pictures are transposed."""
_CACHED_LENGTH = 8192
"""Longer sides are rare and their matrices large, so these are not cached."""

_ORIENTATIONS = {(False, False): (1, 5), (False, True): (2, 8), (True, True): (3, 7), (True, False): (4, 6)}
"""By whether the picture is mirrored (down, across): the EXIF orientation that is shown so, and the one that is
transposed after."""


class _Axis(NamedTuple):
    """One side: its length in the original, how many pixels of that one of ours stands for, whether to mirror it."""

    length: int
    scale: int
    mirrored: bool = False


class Pdq(NamedTuple):
    """A picture's PDQ (64 hexadecimal digits, as the reference prints it) and its quality (0..100)."""

    value: str
    quality: int


def pdq(picture: Image.Image, scale: int = 1, size: tuple[int, int] | None = None, luma: Luma | None = None) -> Pdq:
    """The PDQ and quality of an "L" or "RGB" picture as stored, equal to the reference's in every bit.

    The luma of "RGB" is 0.299 R + 0.587 G + 0.114 B, not rounded, as in the reference.

    Args:
        picture: the pixels.
        scale: if > 1, each pixel stands for scale x scale pixels of an original, whose PDQ is computed.
        size: width and height of the original.
        luma: that of an "L" picture, if it was made already.
    """
    width, height = size or picture.size
    (samples,) = _samples(picture, _Axis(width, scale), _Axis(height, scale), luma, ((False, False),))
    return Pdq(_bits(_frequencies(samples)), _quality(samples))


def oriented_pdqs(
    picture: Image.Image,
    scale: int = 1,
    size: tuple[int, int] | None = None,
    luma: Luma | None = None,
    *,
    orientations: Collection[int] = range(1, 9),
) -> dict[int, str]:
    """The PDQ, as by `pdq`, of the picture as shown in each of these EXIF orientations (1 to 8)."""
    width, height = size or picture.size
    wanted = {mirrored: shown for mirrored, shown in _ORIENTATIONS.items() if not set(shown).isdisjoint(orientations)}
    found = _samples(picture, _Axis(width, scale), _Axis(height, scale), luma, tuple(wanted))
    values = {}
    for (upright, transposed), samples in zip(wanted.values(), found, strict=True):
        frequencies = _frequencies(samples)
        values[upright], values[transposed] = _bits(frequencies), _bits(frequencies.T)
    return {orientation: values[orientation] for orientation in orientations}


def _samples(
    picture: Image.Image, across: _Axis, down: _Axis, luma: Luma | None, mirrored: Sequence[tuple[bool, bool]]
) -> list[Floats]:
    """The 64 x 64 samples of the filtered luma, for each way (down, across) to mirror the picture."""
    if picture.width > _MAX_WIDTH:
        transposed = picture.transpose(Image.Transpose.TRANSPOSE)
        return [samples.T for samples in _samples(transposed, down, across, None, [pair[::-1] for pair in mirrored])]
    columns = {back: _columns(picture, down._replace(mirrored=back), luma) for back, _ in mirrored}
    return [_across(columns[back], across._replace(mirrored=sideways)) for back, sideways in mirrored]


def _columns(picture: Image.Image, down: _Axis, luma: Luma | None) -> Floats:
    """The luma filtered and sampled along columns, transposed: width x 64."""
    width = picture.width

    def rows(top: int, bottom: int) -> Floats:
        strip = picture.crop((0, top, width, bottom))
        return np.asarray(strip).astype(np.float32).reshape(bottom - top, -1)

    if luma and luma.is_in_memory:
        filtered = _apply(down, luma.rows, _ROWS_PER_BLOCK)
    else:
        filtered = _apply(down, rows, _per_strip(down, width * len(picture.getbands())))
    return np.ascontiguousarray(_luma(filtered.reshape(_SAMPLES, width, -1)).T)


def _across(columns: Floats, across: _Axis) -> Floats:
    return _apply(across, lambda left, right: columns[left:right], _ROWS_PER_BLOCK).T


def _luma(values: Floats) -> Floats:
    """From colours to luma. Both are linear, so this may come after the product along columns, on fewer values."""
    if values.ndim == 2:
        return values
    return values[:, :, 0] if values.shape[2] == 1 else values @ _LUMA_WEIGHTS


def _apply(axis: _Axis, rows: Callable[[int, int], Floats], per_strip: int) -> Floats:
    """A . X (64 x n) for the A of `axis`. `rows(a, b)` gives rows a to b of X as floats."""
    strips = _strips(axis, per_strip) if axis.length <= _CACHED_LENGTH else _make_strips(axis, per_strip)
    return np.concatenate([block @ rows(start, start + block.shape[1]) for start, block in strips])


def _per_strip(axis: _Axis, width: int) -> int:
    """Rows of A in a strip if rows of X, `width` values each, are converted again for each strip. A power of two."""
    wanted = _STRIP_VALUES * _SAMPLES * axis.scale // (axis.length * width)
    return min(_SAMPLES, 1 << max(0, wanted.bit_length() - 1))


def _make_strips(axis: _Axis, per_strip: int) -> _Strips:
    """The A of `axis` in blocks of `per_strip` rows, each with its first column. All other columns are zero."""
    bands = list(_axis_bands(axis))
    return [_block(bands[first : first + per_strip]) for first in range(0, _SAMPLES, per_strip)]


_strips = lru_cache(maxsize=64)(_make_strips)


def _axis_bands(axis: _Axis) -> Iterator[tuple[int, Floats]]:
    """For each sample: the first pixel in its band, and the weights from there on."""
    bands = _bands(axis.length)
    if axis.mirrored:
        bands = ((axis.length - first - len(weights), weights[::-1]) for first, weights in bands)
    for first, weights in bands:
        if axis.scale == 1:
            yield first, weights
            continue
        # Each of our pixels is the mean of `scale` of the original's: their weights add up.
        groups = (np.arange(first, first + len(weights)) // axis.scale) - first // axis.scale
        yield first // axis.scale, np.bincount(groups, weights).astype(np.float32)


def _block(bands: Sequence[tuple[int, Floats]]) -> tuple[int, Floats]:
    """Bands as the rows of one dense matrix, with the column at which it starts."""
    start = min(first for first, _ in bands)
    end = max(first + len(weights) for first, weights in bands)
    block = np.zeros((len(bands), end - start), dtype=np.float32)
    for row, (first, weights) in zip(block, bands, strict=True):
        row[first - start : first - start + len(weights)] = weights
    return start, block


def _bands(length: int) -> Iterator[tuple[int, Floats]]:
    """The `_band` of each sample. Away from the edges all are equal but moved, so only one is computed."""
    reach, middle = -(-length // _SAMPLES) + 2, length // 2
    first, weights = _band(length, middle)
    for sample in range(_SAMPLES):
        place = (2 * sample + 1) * length // (2 * _SAMPLES)
        clear = reach <= place < length - reach
        yield (first + place - middle, weights) if clear else _band(length, place)


def _band(length: int, at: int) -> tuple[int, Floats]:
    """The weights of the sample at `at` after two passes of the box filter: first index, weights.

    Each pass is the mean over a window of ceil(length / 128), cut off at the edges. The second pass is a sum of boxes;
    only their edges are written, and a cumulative sum fills them.
    """
    outer_start, outer_end = (int(edge) for edge in _window(length, np.array(at)))
    starts, ends = _window(length, np.arange(outer_start, outer_end))
    first = int(starts[0])
    steps = np.zeros(int(ends[-1]) - first + 1)
    shares = 1.0 / ((outer_end - outer_start) * (ends - starts))
    np.add.at(steps, starts - first, shares)
    np.subtract.at(steps, ends - first, shares)
    return first, np.cumsum(steps)[:-1].astype(np.float32)


def _window(length: int, at: NDArray[np.int_]) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Start and end (exclusive) of the reference's box filter around each position. An even one is not symmetric."""
    size = -(-length // (2 * _SAMPLES))
    half = (size + 2) // 2
    return np.maximum(at + half - size, 0), np.minimum(at + half, length)


def _dct() -> Floats:
    """Rows 1 to 16 of the 64-point DCT-II. Row 0, the mean, is left out."""
    frequency, sample = np.arange(1, 17)[:, None], np.arange(_SAMPLES)[None, :]
    matrix = math.sqrt(2 / _SAMPLES) * np.cos(np.pi / (2 * _SAMPLES) * frequency * (2 * sample + 1))
    return np.asarray(matrix, dtype=np.float32)


_DCT: Floats = _dct()


def _frequencies(samples: Floats) -> Floats:
    return np.asarray(_DCT @ samples @ _DCT.T, dtype=np.float32)


def _bits(frequencies: Floats) -> str:
    """One bit for each frequency above the lower median (the 128th of 256), the last frequency first."""
    flat = frequencies.ravel()
    median = np.partition(flat, 127)[127]
    return np.packbits((flat > median)[::-1]).tobytes().hex()


def _quality(samples: Floats) -> int:
    """The sum of gradients between neighbouring samples, scaled to 0..100, as in the reference."""
    total = sum(int(np.abs(np.trunc(np.diff(samples, axis=axis) * 100 / 255)).sum()) for axis in (0, 1))
    return min(total // 90, 100)

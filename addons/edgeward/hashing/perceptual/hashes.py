"""Perceptual signals: one function per type, all in one table."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import imagehash
import numpy as np

from edgeward.hashing.perceptual.cosine_transform import cosine_transform
from edgeward.hashing.perceptual.source_image import SourceImage
from edgeward.types import Signal, View

type _Hash = Callable[[SourceImage, int], Signal]


def _pdq(source: SourceImage, orientation: int) -> Signal:
    value, quality = source.pdq
    if orientation != 1:
        value = source.oriented_pdqs((orientation,))[orientation]
    return Signal("pdq", value, quality)


def _phash(source: SourceImage, orientation: int) -> Signal:
    """As `imagehash.phash`, without the import in it."""
    pixels = np.asarray(source.resized((32, 32), orientation).convert("L"))
    lowest = cosine_transform(cosine_transform(pixels, 0), 1)[:8, :8]
    return Signal("phash", str(imagehash.ImageHash(lowest > np.median(lowest))))


def _dhash(source: SourceImage, orientation: int) -> Signal:
    return Signal("dhash", str(imagehash.dhash(source.resized((9, 8), orientation))))


HASH_FUNCTIONS: Mapping[str, _Hash] = {"pdq": _pdq, "phash": _phash, "dhash": _dhash}
"""For each built-in perceptual type: (picture, EXIF orientation 1 to 8) -> its signal, as shown in that orientation."""


def perceptual_signals(source: SourceImage, types: Sequence[str], view: View, orientation: int = 1) -> Iterator[Signal]:
    """One signal for each built-in perceptual type in `types`, of the picture as shown in this EXIF orientation."""
    for name in types:
        if name in HASH_FUNCTIONS:
            made = HASH_FUNCTIONS[name](source, orientation)
            yield Signal(made.type, made.value, made.quality, view)

"""Perceptual signals: one function per type, all in one table."""

from collections.abc import Callable, Mapping, Sequence

import imagehash
import scipy.fftpack  # noqa: F401  imagehash loads it at its first phash: better while a hasher starts
from PIL import Image

from edgeward.hashing.images import Picture
from edgeward.hashing.lanczos import resize
from edgeward.hashing.luma import Luma
from edgeward.hashing.pdq import pdq
from edgeward.types import Signal

MIN_SIDE = 17
"""Pictures with a side of fewer pixels have no perceptual signals: tracking pixels and spacers all look alike.

From 16 pixels PDQ would pick each of its 64 samples four times, and its highest frequencies would be rounding noise."""


type _Hash = Callable[[Picture, Luma | None], Signal]


def _pdq(picture: Picture, luma: Luma | None) -> Signal:
    value, quality = pdq(picture.image, picture.scale, picture.size, luma)
    return Signal("pdq", value, quality)


def _phash(picture: Picture, luma: Luma | None) -> Signal:
    return Signal("phash", str(imagehash.phash(_resized(picture, luma, (32, 32)))))


def _dhash(picture: Picture, luma: Luma | None) -> Signal:
    return Signal("dhash", str(imagehash.dhash(_resized(picture, luma, (9, 8)))))


def _resized(picture: Picture, luma: Luma | None, size: tuple[int, int]) -> Image.Image:
    """The first step of imagehash, for which it then has nothing left to do.

    Done here since a drafted picture's last pixels may stand for less than `scale` of the original's.
    """
    width, height = (side / picture.scale for side in picture.size)
    if luma:
        return resize(luma, size, (width, height))
    grey = picture.image if picture.image.mode == "L" else picture.image.convert("L")
    return grey.resize(size, Image.Resampling.LANCZOS, (0, 0, width, height))


PERCEPTUAL: Mapping[str, _Hash] = {"pdq": _pdq, "phash": _phash, "dhash": _dhash}
"""How each perceptual signal type is made of a picture and, if it was drafted, its luma."""


def perceptual(picture: Picture, types: Sequence[str]) -> tuple[Signal, ...]:
    """One signal for each perceptual type that `types` names; none where a side is under MIN_SIDE pixels."""
    if min(picture.size) < MIN_SIDE:
        return ()
    luma = Luma(picture.image) if picture.drafted else None
    return tuple(PERCEPTUAL[name](picture, luma) for name in types if name in PERCEPTUAL)

"""Perceptual signals: one function per type, all in one table."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import imagehash
import scipy.fftpack  # noqa: F401  imagehash loads it at its first phash: better while a hasher starts

from edgeward.hashing.perceptual.subject import Subject
from edgeward.types import Signal, View

type _Hash = Callable[[Subject, int], Signal]


def _pdq(subject: Subject, orientation: int) -> Signal:
    value, quality = subject.pdq
    if orientation != 1:
        value = subject.turned((orientation,))[orientation]
    return Signal("pdq", value, quality)


def _phash(subject: Subject, orientation: int) -> Signal:
    return Signal("phash", str(imagehash.phash(subject.resized((32, 32), orientation))))


def _dhash(subject: Subject, orientation: int) -> Signal:
    return Signal("dhash", str(imagehash.dhash(subject.resized((9, 8), orientation))))


PERCEPTUAL: Mapping[str, _Hash] = {"pdq": _pdq, "phash": _phash, "dhash": _dhash}
"""How each perceptual signal type is made of a picture that is shown with an EXIF orientation (1 to 8)."""


def perceptual(subject: Subject, types: Sequence[str], view: View, orientation: int = 1) -> Iterator[Signal]:
    """One signal for each perceptual type that `types` names, of the picture as shown with this EXIF orientation."""
    for name in types:
        if name in PERCEPTUAL:
            made = PERCEPTUAL[name](subject, orientation)
            yield Signal(made.type, made.value, made.quality, view)

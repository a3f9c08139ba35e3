"""Signals of installed types, of an upright picture. If a type fails, the other signals remain."""

from collections.abc import Iterable
from typing import NamedTuple

from PIL import Image

from edgeward.hashing.decoding.images import Picture
from edgeward.hashing.signal_registry import installed_types
from edgeward.hashing.signal_types import SignalType
from edgeward.types import Signal


class InstalledSignals(NamedTuple):
    """The signals of one picture. `failed`: a type raised, or returned a value of the wrong length."""

    signals: tuple[Signal, ...]
    failed: bool = False


def installed_signals(picture: Picture, names: Iterable[str]) -> InstalledSignals:
    """A signal of each installed type among `names` that returns a value. MemoryError passes through."""
    signals: list[Signal] = []
    failed = False
    for kind in installed_types(names):
        try:
            signals += _signals(kind, picture.image)
        except MemoryError:
            raise  # the hasher ends: memory that another library failed to get may be missing anywhere
        except Exception:  # noqa: BLE001  foreign code may raise anything: the fingerprint's flaw counts it
            failed = True
    return InstalledSignals(tuple(signals), failed)


def _signals(kind: SignalType, image: Image.Image) -> list[Signal]:
    value = kind.hash(image)
    if value is None:
        return []
    if len(value) * 8 != kind.bits:
        raise ValueError(f"{len(value)} bytes where {kind.name} has {kind.bits // 8}")
    return [Signal(kind.name, bytes(value).hex())]

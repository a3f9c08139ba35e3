"""Signals of the types that an operator installed, of a picture: the right way up, and never the end of the others."""

from collections.abc import Iterable
from typing import NamedTuple

from PIL import Image

from edgeward.hashing.decoding.images import Picture
from edgeward.hashing.registry import installed
from edgeward.hashing.signal_types import SignalType
from edgeward.types import Signal


class Made(NamedTuple):
    """What the types made of a picture. `failed`: one of them raised, or gave what is no value of its own."""

    signals: tuple[Signal, ...]
    failed: bool = False


def made(picture: Picture, names: Iterable[str]) -> Made:
    """A signal of each installed type among `names` that has something to say. MemoryError passes through."""
    signals: list[Signal] = []
    failed = False
    for kind in installed(names):
        try:
            signals += _signals(kind, picture.image)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  another's code may raise anything: the fingerprint's flaw counts it
            failed = True
    return Made(tuple(signals), failed)


def _signals(kind: SignalType, image: Image.Image) -> list[Signal]:
    value = kind.hash(image)
    if value is None:
        return []
    if len(value) * 8 != kind.bits:
        raise ValueError(f"{len(value)} bytes where {kind.name} has {kind.bits // 8}")
    return [Signal(kind.name, bytes(value).hex())]

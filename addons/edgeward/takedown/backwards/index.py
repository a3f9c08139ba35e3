"""An index in memory of every image seen: which of them lie near a signal? About 100 bytes an image."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence

from edgeward.matching.crowd import Crowd
from edgeward.matching.matcher import PERCEPTUAL
from edgeward.takedown.seen.packing import ID_BYTES, image_id, signals_of
from edgeward.types import Signal

DIGEST_BYTES = 8
"""Bytes of a digest that are kept: another image that shares them is told apart when its fingerprint is read."""

type Place = tuple[str, int]
"""Type of a signal, and the bytes of its value that are kept."""


class SeenImages:
    """Signals of images, each image known by the first half of its SHA-256 (32 hex digits).

    Images are only added, an image that is added again takes its room again: rebuild the index to forget. One thread
    may add while others search.
    """

    def __init__(self) -> None:
        self._ids = bytearray()
        self._crowds: dict[Place, Crowd] = {}

    def __len__(self) -> int:
        """Number of images that were added."""
        return len(self._ids) // ID_BYTES

    def add(self, images: Sequence[bytes]) -> None:
        """Add packed fingerprints. ValueError where one is none; then none of them is added."""
        values: defaultdict[Place, bytearray] = defaultdict(bytearray)
        rows: defaultdict[Place, array[int]] = defaultdict(lambda: array("I"))
        for row, packed in enumerate(images, len(self)):
            for kind, value in signals_of(packed):
                if kind == "sha256":
                    continue  # an image's own name
                kept = _kept(kind, value)
                place = (kind, len(kept))
                values[place] += kept
                rows[place].append(row)
        self._ids += b"".join(map(image_id, images))
        for place, together in values.items():
            self._crowds.setdefault(place, Crowd(place[1])).add(bytes(together), rows[place])

    def near_each(self, signals: Sequence[Signal], radius: int) -> Iterator[tuple[int, str]]:
        """Pairs of a signal's number and an image with one within `radius` bits of it, some twice. The signals are of
        one type and length; a digest must be equal in what is kept of it."""
        if signals and signals[0].type == "sha256":
            yield from ((number, signal.value[: 2 * ID_BYTES]) for number, signal in enumerate(signals))
            return
        asked = [_place(signal) for signal in signals]
        if not asked or asked[0][0] not in self._crowds:
            return
        crowd = self._crowds[asked[0][0]]
        for numbers, rows in crowd.near_each([value for _, value in asked], _within(signals[0], radius)):
            for number, row in set(zip(numbers, rows, strict=True)):
                yield number, self._id(row)

    def work(self, signal: Signal) -> int:
        """How many values a search for the signal compares it with."""
        place, _ = _place(signal)
        return len(self._crowds[place]) if place in self._crowds else 0

    def _id(self, row: int) -> str:
        return self._ids[row * ID_BYTES : (row + 1) * ID_BYTES].hex()


def _place(signal: Signal) -> tuple[Place, bytes]:
    value = _kept(signal.type, bytes.fromhex(signal.value))
    return (signal.type, len(value)), value


def _kept(kind: str, value: bytes) -> bytes:
    return value if kind in PERCEPTUAL else value[:DIGEST_BYTES]


def _within(signal: Signal, radius: int) -> int:
    return radius if signal.type in PERCEPTUAL else 0

"""An index in memory of every image seen: which of them lie near a signal? About 100 bytes an image,
and 36 more for each value of a view that a list asked for."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence

from edgeward.hashing.registry import is_measured
from edgeward.matching.crowd import Crowd
from edgeward.matching.distances import DistanceCrowd, crowd_for
from edgeward.takedown.seen.packing import ID_BYTES, image_id, signals_of
from edgeward.types import ALWAYS, Signal, View

DIGEST_BYTES = 8
"""Bytes of a digest that are kept: another image that shares them is told apart when its fingerprint is read."""

type Place = tuple[str, int, View]
"""Type of a signal, the bytes of its value that are kept, and its view: STORED for all that always match."""


class SeenImages:
    """Signals of images, each image known by the first half of its SHA-256 (32 hex digits).

    Images are only added, an image that is added again takes its room again: rebuild the index to forget. One thread
    may add while others search.
    """

    def __init__(self) -> None:
        self._ids = bytearray()
        self._crowds: dict[Place, Crowd | DistanceCrowd] = {}

    def __len__(self) -> int:
        """Number of images that were added."""
        return len(self._ids) // ID_BYTES

    def add(self, images: Sequence[bytes]) -> None:
        """Add packed fingerprints. ValueError where one is none; then none of them is added."""
        values: defaultdict[Place, bytearray] = defaultdict(bytearray)
        rows: defaultdict[Place, array[int]] = defaultdict(lambda: array("I"))
        for row, packed in enumerate(images, len(self)):
            for kind, value, view in signals_of(packed):
                if kind == "sha256":
                    continue  # an image's own name
                kept = _kept(kind, value)
                place = (kind, len(kept), _apart(view))
                values[place] += kept
                rows[place].append(row)
        self._ids += b"".join(map(image_id, images))
        for place, together in values.items():
            self._crowds.setdefault(place, crowd_for(*place[:2])).add(bytes(together), rows[place])

    def near_each(
        self, signals: Sequence[Signal], radius: int, views: frozenset[View] = ALWAYS
    ) -> Iterator[tuple[int, str]]:
        """Pairs of a signal's number and an image with one, in one of `views`, within `radius` bits of it, some twice.

        The signals are of one type and length; a digest must be equal in what is kept of it.
        """
        if signals and signals[0].type == "sha256":
            yield from ((number, signal.value[: 2 * ID_BYTES]) for number, signal in enumerate(signals))
            return
        values = [_kept(signal.type, bytes.fromhex(signal.value)) for signal in signals]
        for crowd in self._crowds_of(signals[0], views) if signals else ():
            for numbers, rows in crowd.near_each(values, _within(signals[0], radius)):
                for number, row in set(zip(numbers, rows, strict=True)):
                    yield number, self._id(row)

    def work(self, signal: Signal, views: frozenset[View] = ALWAYS) -> int:
        """How many values a search for the signal compares it with."""
        return sum(map(len, self._crowds_of(signal, views)))

    def _crowds_of(self, signal: Signal, views: frozenset[View]) -> list[Crowd | DistanceCrowd]:
        size = len(_kept(signal.type, bytes.fromhex(signal.value)))
        places = [(signal.type, size, view) for view in {_apart(view) for view in views}]
        return [self._crowds[place] for place in places if place in self._crowds]

    def _id(self, row: int) -> str:
        return self._ids[row * ID_BYTES : (row + 1) * ID_BYTES].hex()


def _apart(view: View) -> View:
    """Views that few lists ask for are kept apart: the others pay nothing for them."""
    return View.STORED if view in ALWAYS else view


def _kept(kind: str, value: bytes) -> bytes:
    return value if is_measured(kind) else value[:DIGEST_BYTES]


def _within(signal: Signal, radius: int) -> int:
    return radius if is_measured(signal.type) else 0

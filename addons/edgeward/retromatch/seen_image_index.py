"""An in-memory index of every image seen: which of them are near a signal?

It takes about 100 bytes per image, and 36 more for each value of a view that only some lists ask for.
"""

import random
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence

from edgeward.background.readable_records import readable
from edgeward.hashing.signal_registry import has_distance
from edgeward.matching.append_only_index import AppendOnlyIndex, count_distinct
from edgeward.matching.distances import AppendOnlyDistanceIndex, append_only_index_for
from edgeward.sightings.codec import ID_BYTES, SHA256, image_id, packed_signals
from edgeward.types import ALWAYS_MATCHED, Signal, View

DIGEST_BYTES = 8
"""Only this many bytes of a digest are indexed. The caller must compare the rest with the fingerprint."""

type IndexKey = tuple[str, int, View]
"""Signal type, bytes of an indexed value, and view: STORED stands for all views that always match."""


class SeenImageIndex:
    """Signals of images. An image is known by the first half of its SHA-256 (32 hex digits).

    Images are only added; adding one again takes its memory again. To forget images, build a new index. One thread may
    add while others search.
    """

    def __init__(self) -> None:
        # Row n of the index is the image with the n-th id.
        self._ids = bytearray()
        self._indexes: dict[IndexKey, AppendOnlyIndex | AppendOnlyDistanceIndex] = {}

    def __len__(self) -> int:
        """Number of images that were added."""
        return len(self._ids) // ID_BYTES

    def distinct(self) -> int:
        """Number of different images. Takes a second for ten million."""
        return count_distinct(bytes(self._ids), ID_BYTES)

    def sample_ids(self, count: int) -> list[str]:
        """The ids of `count` different images, chosen at random; of all, if there are no more. An image that was added
        more than once is chosen more often."""
        rows = random.sample(range(len(self)), min(len(self), 2 * count))
        ids = dict.fromkeys(self._ids[row * ID_BYTES : (row + 1) * ID_BYTES].hex() for row in rows)
        return list(ids)[:count]

    def add(self, images: Sequence[bytes]) -> None:
        """Add packed fingerprints. Of one that can't be read only its SHA-256 is found."""
        images = [packed for packed in images if len(packed) >= SHA256.stop]
        values: defaultdict[IndexKey, bytearray] = defaultdict(bytearray)
        rows: defaultdict[IndexKey, array[int]] = defaultdict(lambda: array("I"))
        for row, packed in enumerate(images, len(self)):
            for signal_type, value, view in _signals(packed):
                if signal_type == "sha256":
                    continue  # its first half is the image's id, which needs no index
                indexed = _indexed_bytes(signal_type, value)
                key = (signal_type, len(indexed), _index_view(view))
                values[key] += indexed
                rows[key].append(row)
        self._ids += b"".join(map(image_id, images))
        for key, key_values in values.items():
            self._indexes.setdefault(key, append_only_index_for(*key[:2])).add(bytes(key_values), rows[key])

    def near_each(
        self, signals: Sequence[Signal], radius: int, views: frozenset[View] = ALWAYS_MATCHED
    ) -> Iterator[tuple[int, str]]:
        """Yield (position in `signals`, image id) for images with a signal near one of `signals`, some pairs twice.

        Args:
            signals: all of one type and length.
            radius: bits that may differ. Digests must be equal, in the bytes of them that are indexed.
            views: only signals of these views count.
        """
        if not signals:
            return
        first = signals[0]
        if first.type == "sha256":
            yield from ((number, signal.value[: 2 * ID_BYTES]) for number, signal in enumerate(signals))
            return
        values = [_indexed_bytes(signal.type, bytes.fromhex(signal.value)) for signal in signals]
        for index in self._indexes_for(first, views):
            for numbers, rows in index.near_each(values, radius if has_distance(first.type) else 0):
                for number, row in set(zip(numbers, rows, strict=True)):
                    yield number, self._ids[row * ID_BYTES : (row + 1) * ID_BYTES].hex()

    def comparisons(self, signal: Signal, views: frozenset[View] = ALWAYS_MATCHED) -> int:
        """How many values a search for the signal is compared with."""
        return sum(map(len, self._indexes_for(signal, views)))

    def _indexes_for(self, signal: Signal, views: frozenset[View]) -> list[AppendOnlyIndex | AppendOnlyDistanceIndex]:
        size = len(_indexed_bytes(signal.type, bytes.fromhex(signal.value)))
        keys = [(signal.type, size, view) for view in {_index_view(view) for view in views}]
        return [self._indexes[key] for key in keys if key in self._indexes]


def _signals(packed: bytes) -> list[tuple[str, bytes, View]]:
    return [signal for signals in readable("fingerprint", [packed], _read_signals) for signal in signals]


def _read_signals(packed: bytes) -> list[tuple[str, bytes, View]]:
    return list(packed_signals(packed))


def _index_view(view: View) -> View:
    """Views that only some lists ask for have indexes of their own, so that searches for other lists skip them."""
    return View.STORED if view in ALWAYS_MATCHED else view


def _indexed_bytes(signal_type: str, value: bytes) -> bytes:
    return value if has_distance(signal_type) else value[:DIGEST_BYTES]

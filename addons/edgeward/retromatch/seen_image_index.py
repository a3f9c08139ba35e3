"""An in-memory index of every image seen: which of them are near a signal?

It takes about 100 bytes per image, and 36 more for each value of a view that only some lists ask for.
"""

import random
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeward.background.readable_records import readable
from edgeward.hashing.signal_registry import has_distance
from edgeward.matching.append_only_index import AppendOnlyIndex, count_distinct
from edgeward.matching.distances import AppendOnlyDistanceIndex, append_only_index_for
from edgeward.sightings.codec import ID_BYTES, SHA256, image_id, packed_signals
from edgeward.types import ALWAYS_MATCHED, Signal, View

DIGEST_BYTES = 8
"""Only this many bytes of a digest are indexed. The caller must compare the rest with the fingerprint."""

PREFIXES = 4096
"""How many prefixes of ids there are by which images can be divided: of three hex digits each."""
IDS_PER_PIECE = 1 << 16
_BELOW_PREFIX = 4
"""Bits of an id's first two bytes that are not of its prefix."""

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
                    yield number, self._id(row)

    def near_any(
        self, signal_type: str, values: NDArray[np.uint8], radius: int, views: frozenset[View] = ALWAYS_MATCHED
    ) -> set[str]:
        """Ids of the images with a signal near any of these values, an array of (values, bytes of a value).

        Args as in `near_each`; it takes less time and memory for many values.
        """
        if signal_type == "sha256":
            return self._of_sha256(values)
        if not has_distance(signal_type):
            values, radius = values[:, :DIGEST_BYTES], 0
        packed, size = np.ascontiguousarray(values).tobytes(), values.shape[1]
        each = [packed[start : start + size] for start in range(0, len(packed), size)]
        rows = set[int]()
        for index in self._indexes_of(signal_type, size, views):
            for _, found in index.near_each(each, radius):
                rows.update(found)
        return {self._id(row) for row in rows}

    def _of_sha256(self, values: NDArray[np.uint8]) -> set[str]:
        wanted = {value.tobytes() for value in values[:, :ID_BYTES]}
        first = np.unique(_first_words(values[:, :ID_BYTES].tobytes()))
        found = set[str]()
        for start in range(0, len(self._ids) if len(first) else 0, IDS_PER_PIECE * ID_BYTES):
            ids = bytes(self._ids[start : start + IDS_PER_PIECE * ID_BYTES])
            words = _first_words(ids)
            places = np.minimum(np.searchsorted(first, words), len(first) - 1)
            for row in np.flatnonzero(first[places] == words).tolist():
                image = ids[row * ID_BYTES : (row + 1) * ID_BYTES]
                if image in wanted:
                    found.add(image.hex())
        return found

    def values_of(
        self, signal_type: str, size: int, views: frozenset[View], first: int, stop: int
    ) -> Iterator[tuple[NDArray[np.uint8], Sequence[str]]]:
        """The values of `size` bytes of this type in these views, in pieces of up to 65,536, each with its image's id.

        Args:
            first, stop: of images whose id begins with a prefix in this range (PREFIXES).

        Raises:
            TypeError: the type has a distance of its own.
        """
        prefixes = self._prefixes()
        for index in self._indexes_of(signal_type, size, views):
            if isinstance(index, AppendOnlyDistanceIndex):
                raise TypeError(f"{signal_type} has a distance of its own")
            for values, rows in index.pieces():
                known = np.flatnonzero(rows < len(prefixes))  # images may be added meanwhile
                of_rows = prefixes[rows[known]]
                chosen = known[(of_rows >= first) & (of_rows < stop)]
                yield values[chosen], [self._id(row) for row in rows[chosen].tolist()]

    def count_of(self, signal_type: str, size: int, views: frozenset[View]) -> int:
        """How many values of `size` bytes of this type there are, in these views."""
        if signal_type == "sha256":
            return len(self)
        return sum(map(len, self._indexes_of(signal_type, size if has_distance(signal_type) else DIGEST_BYTES, views)))

    def _prefixes(self) -> NDArray[np.uint16]:
        """By row the first bits of its image's id, as a number below PREFIXES."""
        count = len(self)
        prefixes = np.empty(count, np.uint16)
        for start in range(0, count, IDS_PER_PIECE):
            ids = bytes(self._ids[start * ID_BYTES : min(count, start + IDS_PER_PIECE) * ID_BYTES])
            prefixes[start : start + IDS_PER_PIECE] = np.frombuffer(ids, ">u2")[:: ID_BYTES // 2] >> _BELOW_PREFIX
        return prefixes

    def _id(self, row: int) -> str:
        return self._ids[row * ID_BYTES : (row + 1) * ID_BYTES].hex()

    def comparisons(self, signal: Signal, views: frozenset[View] = ALWAYS_MATCHED) -> int:
        """How many values a search for the signal is compared with."""
        return sum(map(len, self._indexes_for(signal, views)))

    def _indexes_for(self, signal: Signal, views: frozenset[View]) -> list[AppendOnlyIndex | AppendOnlyDistanceIndex]:
        size = len(_indexed_bytes(signal.type, bytes.fromhex(signal.value)))
        return self._indexes_of(signal.type, size, views)

    def _indexes_of(
        self, signal_type: str, size: int, views: frozenset[View]
    ) -> list[AppendOnlyIndex | AppendOnlyDistanceIndex]:
        keys = [(signal_type, size, view) for view in {_index_view(view) for view in views}]
        return [self._indexes[key] for key in keys if key in self._indexes]


def _signals(packed: bytes) -> list[tuple[str, bytes, View]]:
    return [signal for signals in readable("fingerprint", [packed], _read_signals) for signal in signals]


def _read_signals(packed: bytes) -> list[tuple[str, bytes, View]]:
    return list(packed_signals(packed))


def _index_view(view: View) -> View:
    """Views that only some lists ask for have indexes of their own, so that searches for other lists skip them."""
    return View.STORED if view in ALWAYS_MATCHED else view


def _first_words(ids: bytes) -> NDArray[np.uint64]:
    """The first eight bytes of each id, as numbers."""
    return np.frombuffer(ids, ">u8")[:: ID_BYTES // 8].astype(np.uint64)


def _indexed_bytes(signal_type: str, value: bytes) -> bytes:
    return value if has_distance(signal_type) else value[:DIGEST_BYTES]

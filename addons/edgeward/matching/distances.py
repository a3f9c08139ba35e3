"""Exact search by a signal type's own distance: every value is compared. For Hamming distance, see hamming.py.

How fast that is depends on the type: one whose `distances` compares arrays does millions of values a second.
"""

from array import array
from collections.abc import Hashable, Iterator, Sequence

from edgeward.hashing.signal_registry import listable_types
from edgeward.hashing.signal_types import ListedType, PdqDhash, is_hamming
from edgeward.matching.append_only_index import AppendOnlyIndex
from edgeward.matching.composite_index import CompositeIndex
from edgeward.matching.hamming import HammingIndex

VALUES_PER_BLOCK = 256
"""Values per step of a search: some milliseconds if the type compares them one by one."""


class DistanceIndex[Key: Hashable]:
    """Values of one type, each under its own key. Has the methods of `HammingIndex`, with the type's distance."""

    def __init__(self, kind: ListedType) -> None:
        self.bits = kind.bits
        self._kind = kind
        self._size = kind.bits // 8
        self._values = bytearray()
        self._keys: list[Key] = []
        self._rows: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Key, value_hex: str) -> None:
        """Add a value, or replace the one under this key.

        Raises:
            ValueError: the value is not a hexadecimal number of `bits` bits.
        """
        value = self._parse(value_hex)
        row = self._rows.setdefault(key, len(self._keys))
        if row == len(self._keys):
            self._keys.append(key)
        self._values[row * self._size : (row + 1) * self._size] = value

    def remove(self, key: Key) -> None:
        """Remove a key; an unknown one is ignored. The last row moves to its place, so that rows have no gaps."""
        row = self._rows.pop(key, None)
        if row is None:
            return
        last = self._keys.pop()
        value = self._values[-self._size :]
        del self._values[-self._size :]
        if row < len(self._keys):
            self._keys[row] = last
            self._rows[last] = row
            self._values[row * self._size : (row + 1) * self._size] = value

    def search(self, value_hex: str, radius: int) -> list[tuple[Key, int]]:
        """The keys whose value lies within the radius of this one, with the distance, nearest first."""
        found = [(key, distance) for piece in self.search_each([value_hex], radius) for _, key, distance in piece]
        return sorted(found, key=lambda pair: pair[1])

    def search_each(self, values_hex: Sequence[str], radius: int) -> Iterator[list[tuple[int, Key, int]]]:
        """The same for many values, in pieces: (position in `values_hex`, key, distance).

        The index must not change until the last piece is taken.
        """
        queries = [self._parse(value) for value in values_hex]
        for start in range(0, len(self._keys), VALUES_PER_BLOCK):
            block = bytes(self._values[start * self._size : (start + VALUES_PER_BLOCK) * self._size])
            for number, query in enumerate(queries):
                near = _near(self._kind, query, block, radius)
                yield [(number, self._keys[start + row], distance) for row, distance in near]

    def _parse(self, value_hex: str) -> bytes:
        if len(value_hex) * 4 != self.bits:
            raise ValueError(f"{len(value_hex) * 4} bits instead of {self.bits}")
        value = bytes.fromhex(value_hex)
        if len(value) != self._size:  # bytes.fromhex skips spaces
            raise ValueError("it has other characters than hexadecimal digits")
        return value


class AppendOnlyDistanceIndex:
    """Values of one type, each with an id below 2**32: an `AppendOnlyIndex` with the type's own distance."""

    def __init__(self, kind: ListedType) -> None:
        self.size = kind.bits // 8
        self._kind = kind
        self._values = bytearray()
        self._ids = array("I")

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, values: bytes, ids: Sequence[int]) -> None:
        """Add `values`, concatenated, with one id for each.

        Raises:
            ValueError: the number of ids is not the number of values.
        """
        if len(values) != len(ids) * self.size:
            raise ValueError(f"{len(ids)} ids for {len(values) / self.size:g} values")
        self._values += values
        self._ids.extend(ids)  # last: a search in another thread reads no value without an id

    def near_each(self, values: Sequence[bytes], radius: int) -> Iterator[tuple[list[int], list[int]]]:
        """The values within the radius of each query, in pieces: (positions in `values`, ids), of equal length."""
        for start in range(0, len(self), VALUES_PER_BLOCK):
            ids = self._ids[start : start + VALUES_PER_BLOCK]
            block = bytes(self._values[start * self.size : (start + len(ids)) * self.size])
            for number, value in enumerate(values):
                if near := [ids[row] for row, _ in _near(self._kind, value, block, radius)]:
                    yield [number] * len(near), near


def index_for(name: str, bits: int) -> HammingIndex[str] | DistanceIndex[str]:
    """An empty index for values of this type and length.

    The type's own distance takes values of the type's length only. Values of an unknown type or another length are
    indexed by Hamming distance; no image has such signals, so they match nothing.
    """
    kind = listable_types().get(name)
    if kind is None or is_hamming(kind) or kind.bits != bits:
        return HammingIndex(bits)
    return CompositeIndex(kind) if isinstance(kind, PdqDhash) else DistanceIndex(kind)


def append_only_index_for(name: str, size: int) -> AppendOnlyIndex | AppendOnlyDistanceIndex:
    """An empty append-only index for values of `size` bytes of this type."""
    kind = listable_types().get(name)
    if kind is None or is_hamming(kind) or kind.bits != size * 8:
        return AppendOnlyIndex(size)
    return AppendOnlyDistanceIndex(kind)


def _near(kind: ListedType, value: bytes, block: bytes, radius: int) -> list[tuple[int, int]]:
    """The rows of a block that lie within the radius of `value`, each with its distance."""
    distances = enumerate(kind.distances(value, block))
    return [(row, int(distance)) for row, distance in distances if distance <= radius]

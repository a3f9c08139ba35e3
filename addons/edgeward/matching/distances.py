"""Exact search by a distance of a signal type's own: every value is compared. For Hamming distances, see hamming.py.

How fast that is depends on the type: one whose `distances` compares arrays does millions of values a second.
"""

from array import array
from collections.abc import Hashable, Iterator, Sequence

from edgeward.hashing.registry import known
from edgeward.hashing.signal_types import ListedType, PdqDhash, is_hamming
from edgeward.matching.crowd import Crowd
from edgeward.matching.hamming import HammingIndex
from edgeward.matching.joints import JointIndex

BLOCK = 256
"""Values per step of a scan: some milliseconds where they are compared one by one."""


class DistanceIndex[Key: Hashable]:
    """Values of one type, each under a key of its own. It does what `HammingIndex` does, by the type's distance."""

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
        """Add a value; a key that is there already gets the new one.

        Raises:
            ValueError: the value is no hexadecimal number of this many bits.
        """
        value = self._parse(value_hex)
        row = self._rows.setdefault(key, len(self._keys))
        if row == len(self._keys):
            self._keys.append(key)
        self._values[row * self._size : (row + 1) * self._size] = value

    def remove(self, key: Key) -> None:
        """Remove a key; one that is not there is ignored. The last value takes its place."""
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
        """All keys whose value lies within the radius of this one, with the distance, nearest first."""
        found = [(key, distance) for piece in self.search_each([value_hex], radius) for _, key, distance in piece]
        return sorted(found, key=lambda pair: pair[1])

    def search_each(self, values_hex: Sequence[str], radius: int) -> Iterator[list[tuple[int, Key, int]]]:
        """The same for many values, in pieces: (number of the value, key, distance). The index must not change before
        the last piece came."""
        queries = [self._parse(value) for value in values_hex]
        for start in range(0, len(self._keys), BLOCK):
            block = bytes(self._values[start * self._size : (start + BLOCK) * self._size])
            for number, query in enumerate(queries):
                near = _near(self._kind, query, block, radius)
                yield [(number, self._keys[start + row], distance) for row, distance in near]

    def _parse(self, value_hex: str) -> bytes:
        if len(value_hex) * 4 != self.bits:
            raise ValueError(f"{len(value_hex) * 4} bits where {self.bits} are due")
        value = bytes.fromhex(value_hex)
        if len(value) != self._size:
            raise ValueError("it is not hexadecimal alone")
        return value


class DistanceCrowd:
    """Values of one type, each with a mark: a number below 2**32. It does what `Crowd` does, by the type's distance."""

    def __init__(self, kind: ListedType) -> None:
        self.size = kind.bits // 8
        self._kind = kind
        self._values = bytearray()
        self._marks = array("I")

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, values: bytes, marks: Sequence[int]) -> None:
        """Add values, one after the other in `values`, with a mark for each.

        Raises:
            ValueError: there is not one mark for each value.
        """
        if len(values) != len(marks) * self.size:
            raise ValueError(f"{len(marks)} marks for {len(values) / self.size:g} values")
        self._values += values
        self._marks.extend(marks)  # last: what has a mark can be searched, by another thread too

    def near_each(self, values: Sequence[bytes], radius: int) -> Iterator[tuple[list[int], list[int]]]:
        """What lies within the radius of each value, in pieces: numbers of values, each with the mark of a near one."""
        for start in range(0, len(self), BLOCK):
            marks = self._marks[start : start + BLOCK]
            block = bytes(self._values[start * self.size : (start + len(marks)) * self.size])
            for number, value in enumerate(values):
                if near := [marks[row] for row, _ in _near(self._kind, value, block, radius)]:
                    yield [number] * len(near), near


def index_for(name: str, bits: int) -> HammingIndex[str] | DistanceIndex[str]:
    """An empty index for values of a measured type."""
    kind = known().get(name)
    if kind is None or is_hamming(kind) or kind.bits != bits:
        return HammingIndex(bits)
    return JointIndex(kind) if isinstance(kind, PdqDhash) else DistanceIndex(kind)


def crowd_for(name: str, size: int) -> Crowd | DistanceCrowd:
    """An empty crowd for values of `size` bytes of any type."""
    kind = known().get(name)
    if kind is None or is_hamming(kind) or kind.bits != size * 8:
        return Crowd(size)
    return DistanceCrowd(kind)


def _near(kind: ListedType, value: bytes, block: bytes, radius: int) -> list[tuple[int, int]]:
    """Rows of a block that lie within the radius of a value, each with its distance."""
    distances = enumerate(kind.distances(value, block))
    return [(row, int(distance)) for row, distance in distances if distance <= radius]

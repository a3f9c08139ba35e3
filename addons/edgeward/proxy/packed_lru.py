"""A bounded LRU cache that the garbage collector does not notice: the latest values as they are, the others as bytes.

The collector stops the event loop while it visits every object of a process: 70 ms for the 200,000 signals of 20,000
images. It visits neither the inside of bytes, nor a dict that holds nothing else.
"""

from collections.abc import Callable

from edgeward.background.ttl_set import Key, oldest

MAX_UNPACKED_OBJECTS = 4_000
"""The latest values stay unpacked while the collector would visit no more objects than this in them."""
OVERHEAD_BYTES = 150
"""What Python takes for an entry, besides the bytes of its key and its value."""


class PackedLru[Value]:
    """The `size` values that were stored or read last, or fewer that take `max_bytes` in all.

    Args:
        pack, unpack: a value to bytes and back; not called for the latest values.
        object_count: how many objects the collector would visit in a value.
        length: bytes of the texts in a value that have no bound of their own.
        max_unpacked_objects: how many in all values that stay unpacked.
    """

    def __init__(
        self,
        size: int,
        max_bytes: int,
        pack: Callable[[Value], bytes],
        unpack: Callable[[bytes], Value],
        object_count: Callable[[Value], int],
        max_unpacked_objects: int = MAX_UNPACKED_OBJECTS,
        length: Callable[[Value], int] = lambda value: 0,
    ) -> None:
        self._size, self._max_bytes, self._max_objects = size, max_bytes, max_unpacked_objects
        self._pack, self._unpack, self._object_count, self._length = pack, unpack, object_count, length
        # Both in order of last use. What is in `_packed` was used before all that is in `_unpacked`.
        self._unpacked: dict[Key, Value] = {}
        self._objects = self._unpacked_bytes = 0
        self._packed: dict[Key, bytes] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._unpacked) + len(self._packed)

    def get(self, key: Key) -> Value | None:
        """The value of `key`, now the one used last."""
        if key in self._unpacked:
            value = self._unpacked[key] = self._unpacked.pop(key)
            return value
        if key not in self._packed:
            return None
        value = self._unpack(self._remove_packed(key))
        self._insert(key, value)
        return value

    def put(self, key: Key, value: Value) -> None:
        if key in self._unpacked:
            self._remove_unpacked(key)
        elif key in self._packed:
            self._remove_packed(key)
        self._insert(key, value)

    def _insert(self, key: Key, value: Value) -> None:
        self._unpacked[key] = value
        self._objects += self._object_count(value)
        self._unpacked_bytes += self._length(value)
        while len(self._unpacked) > 1 and self._has_too_many_unpacked():
            oldest_key = next(iter(self._unpacked))
            packed = self._packed[oldest_key] = self._pack(self._remove_unpacked(oldest_key))
            self._bytes += _cost(oldest_key, packed)
        while self._packed and (len(self) > self._size or self._bytes + self._unpacked_bytes > self._max_bytes):
            for old in oldest(self._packed):
                self._remove_packed(old)

    def _has_too_many_unpacked(self) -> bool:
        return (
            self._objects > self._max_objects
            or len(self._unpacked) > self._size
            or self._unpacked_bytes > self._max_bytes
        )

    def _remove_unpacked(self, key: Key) -> Value:
        value = self._unpacked.pop(key)
        self._unpacked_bytes -= self._length(value)
        self._objects -= self._object_count(value)
        return value

    def _remove_packed(self, key: Key) -> bytes:
        packed = self._packed.pop(key)
        self._bytes -= _cost(key, packed)
        return packed


def _cost(key: Key, packed: bytes) -> int:
    return OVERHEAD_BYTES + len(key) + len(packed)

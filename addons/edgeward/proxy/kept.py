"""What a worker remembers for long: the latest at hand, the others packed as bytes.

The garbage collector halts the event loop while it goes through all objects of a process: 70 ms for the 200,000 signals
of 20,000 images. It does not look into bytes, nor into a dict of nothing else.
"""

from collections.abc import Callable

from edgeward.takedown.recent import Key, oldest

OBJECTS_AT_HAND = 4_000
"""The latest are kept as they are, as long as the collector finds no more objects than that in them."""
OVERHEAD_BYTES = 150
"""What Python takes for an entry beside what its key and its value hold."""


class Kept[Value]:
    """The `size` values that were remembered or asked for last, or fewer that take `max_bytes` as they are packed.

    Args:
        pack, unpack: a value to bytes and back; called for those that are not at hand.
        objects: how many objects the collector finds in a value.
    """

    def __init__(
        self,
        size: int,
        max_bytes: int,
        pack: Callable[[Value], bytes],
        unpack: Callable[[bytes], Value],
        objects: Callable[[Value], int],
    ) -> None:
        self._size, self._max_bytes = size, max_bytes
        self._pack, self._unpack, self._count = pack, unpack, objects
        self._at_hand: dict[Key, Value] = {}
        self._objects = 0
        self._packed: dict[Key, bytes] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._at_hand) + len(self._packed)

    def get(self, key: Key) -> Value | None:
        """The value of `key`, now the latest."""
        if key in self._at_hand:
            value = self._at_hand[key] = self._at_hand.pop(key)
            return value
        if key not in self._packed:
            return None
        value = self._unpack(self._take_packed(key))
        self._have_at_hand(key, value)
        return value

    def remember(self, key: Key, value: Value) -> None:
        if key in self._at_hand:
            self._take_at_hand(key)
        elif key in self._packed:
            self._take_packed(key)
        self._have_at_hand(key, value)

    def _have_at_hand(self, key: Key, value: Value) -> None:
        self._at_hand[key] = value
        self._objects += self._count(value)
        while len(self._at_hand) > 1 and (self._objects > OBJECTS_AT_HAND or len(self._at_hand) > self._size):
            self._put_by(next(iter(self._at_hand)))
        while self._packed and (len(self) > self._size or self._bytes > self._max_bytes):
            for old in oldest(self._packed):
                self._take_packed(old)

    def _put_by(self, key: Key) -> None:
        packed = self._packed[key] = self._pack(self._take_at_hand(key))
        self._bytes += _cost(key, packed)

    def _take_at_hand(self, key: Key) -> Value:
        value = self._at_hand.pop(key)
        self._objects -= self._count(value)
        return value

    def _take_packed(self, key: Key) -> bytes:
        packed = self._packed.pop(key)
        self._bytes -= _cost(key, packed)
        return packed


def _cost(key: Key, packed: bytes) -> int:
    return OVERHEAD_BYTES + len(key) + len(packed)

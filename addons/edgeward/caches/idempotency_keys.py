"""Idempotency keys, for APIs that carry out a call with the same key only once."""

import hashlib
import uuid
from collections.abc import Sequence

MAX_KEYS = 1000


class IdempotencyKeys:
    """The key of a call stays the same until the call was answered.

    A later purge of the same items gets a new key: it must remove what was stored meanwhile, and under the old key the
    API would do nothing. That is why keys are not derived from the orders.
    """

    def __init__(self) -> None:
        self._keys: dict[bytes, str] = {}

    def key(self, items: Sequence[str]) -> str:
        """The key of the call with these items, a UUID."""
        if len(self._keys) >= MAX_KEYS:
            # The oldest: its call is made again at worst, which is harmless.
            del self._keys[next(iter(self._keys))]
        return self._keys.setdefault(_digest(items), str(uuid.uuid4()))

    def answered(self, items: Sequence[str]) -> None:
        """Forget the key of this call."""
        self._keys.pop(_digest(items), None)


def _digest(items: Sequence[str]) -> bytes:
    return hashlib.sha256("\n".join(items).encode()).digest()

"""Names for calls that may have to be made twice, where the vendor does a call of the same name only once."""

import hashlib
import uuid
from collections.abc import Sequence

MOST = 1000


class Attempts:
    """The name of a call stays the same until it was answered.

    A later purge of the same items gets another name: it is meant to remove what was stored meanwhile, and under the
    old name it would do nothing. That is why names are not made from the orders.
    """

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}

    def name(self, items: Sequence[str]) -> str:
        """A UUID."""
        if len(self._names) >= MOST:
            del self._names[next(iter(self._names))]
        return self._names.setdefault(_digest(items), str(uuid.uuid4()))

    def answered(self, items: Sequence[str]) -> None:
        self._names.pop(_digest(items), None)


def _digest(items: Sequence[str]) -> bytes:
    return hashlib.sha256("\n".join(items).encode()).digest()

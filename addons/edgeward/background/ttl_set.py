"""A set whose keys expire: it remembers what was written or reported recently.

Keys are bytes or strings in a plain dict. The garbage collector, which stops the event loop, does not traverse those.
"""

import time
from collections.abc import Mapping
from itertools import islice

type Key = str | bytes


class TtlSet:
    """Keys that were added in the last `seconds`, at most `size` of them: the oldest are removed first."""

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds, self._size = seconds, size
        self._times: dict[Key, float] = {}

    def __contains__(self, key: Key) -> bool:
        added = self._times.get(key)
        return added is not None and time.monotonic() - added < self._seconds

    def add(self, key: Key) -> None:
        """Add a key, or renew it."""
        self._times.pop(key, None)
        self._times[key] = time.monotonic()
        if len(self._times) > self._size:
            for old in oldest(self._times):
                del self._times[old]

    def discard(self, key: Key) -> None:
        """Remove a key, if it is there."""
        self._times.pop(key, None)

    def clear(self) -> None:
        """Remove all keys."""
        self._times.clear()


def oldest[K](entries: Mapping[K, object]) -> list[K]:
    """The first 64th of a dict's keys, at least one, to be removed together.

    One at a time would be slow: to find its first key, a dict steps over the gaps of all keys removed before it.
    """
    return list(islice(entries, max(1, len(entries) // 64)))

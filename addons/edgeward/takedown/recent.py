"""What happened a moment ago, so that it need not be said again.

Keys are bytes or strings in a plain dict: the garbage collector, which halts the event loop, looks into neither.
"""

import functools
import hashlib
import time
from collections.abc import Mapping
from itertools import islice

from edgeward.types import Target

type Key = str | bytes


class Recent:
    """Keys of the last `seconds`, at most `size` of them: the oldest are forgotten first."""

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds, self._size = seconds, size
        self._times: dict[Key, float] = {}

    def __contains__(self, key: Key) -> bool:
        added = self._times.get(key)
        return added is not None and time.monotonic() - added < self._seconds

    def add(self, key: Key) -> None:
        self._times.pop(key, None)
        self._times[key] = time.monotonic()
        if len(self._times) > self._size:
            for old in oldest(self._times):
                del self._times[old]


def oldest[K](kept: Mapping[K, object]) -> list[K]:
    """The first 64th of a dict's keys, at least one, to be removed together.

    To find its first key a dict goes through the gaps that were left by those removed before it.
    """
    return list(islice(kept, max(1, len(kept) // 64)))


@functools.lru_cache(maxsize=1024)
def target_key(target: Target, *more: str) -> bytes:
    """16 bytes that stand for a target, and for what is said of it. Its size is no part of them.

    Those of the latest are at hand: a target that is asked for is asked for again.
    """
    said = (target.scheme, target.host, target.path, target.vary, *more)
    # As Python writes it, so that no two are written alike.
    return hashlib.blake2b(repr(said).encode(), digest_size=16).digest()

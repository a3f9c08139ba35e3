"""Purges that are ready to be sent to one cache."""

from collections import deque
from typing import Protocol

LATER_FIRST_EVERY = 4
"""What comes later goes first in every fourth call, so that it is never starved."""


class HasMaxCallSize(Protocol):
    """`max_call_size`: it may be sent in a call of at most this many purges."""

    max_call_size: int


class ReadyPurges[P: HasMaxCallSize]:
    """Purges that go first, and others that come later. False if there are none.

    Args:
        mixed: whether one call may have both.
    """

    def __init__(self, mixed: bool = True) -> None:
        self._mixed = mixed
        self._first, self._later = deque[P](), deque[P]()
        self._calls = 0

    def __bool__(self) -> bool:
        return bool(self._first or self._later)

    def add(self, purge: P, *, later: bool, at_front: bool = False) -> None:
        """Add one, behind the others of its kind or `at_front` of them."""
        queue = self._later if later else self._first
        (queue.appendleft if at_front else queue.append)(purge)

    def take(self, limit: int) -> list[P]:
        """The purges of the next call: at most `limit`."""
        self._calls += 1
        queues = [self._first, self._later]
        if self._calls % LATER_FIRST_EVERY == 0:
            queues.reverse()
        purges: list[P] = []
        for queue in queues:
            while queue and len(purges) < min(limit, queue[0].max_call_size):
                purge = queue.popleft()
                limit = min(limit, purge.max_call_size)
                purges.append(purge)
            if purges and not self._mixed:
                break
        return purges

"""Pauses between two looks at something in the store that no event tells of: short at first, then longer."""

import asyncio

GROWTH = 1.25
"""Each pause is this much longer than the one before: what is waited for is seen at most a quarter too late."""


class Polling:
    """The pauses of one wait: `first` seconds, growing to `longest`."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._next = first

    def next_seconds(self) -> float:
        """How long the next pause is."""
        seconds, self._next = self._next, min(self._longest, self._next * GROWTH)
        return seconds

    async def pause(self) -> None:
        await asyncio.sleep(self.next_seconds())

    def reset(self) -> None:
        """Begin with the first pause again: there was progress."""
        self._next = self._first

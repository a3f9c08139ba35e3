"""Which hosts and clients bring images that take long to hash, so that these do not occupy every hasher."""

import time

from edgeward.background.fair_queue import Source

SLOW_SECONDS = 1.0
"""A host or client whose images take a hasher longer than this, on average, is slow."""
_WEIGHT = 0.3
"""Of the latest image in the average."""
_REMEMBERED_SECONDS = 60.0
"""After its last image."""
MAX_REMEMBERED = 1000
"""Hosts and clients; the one whose last image is longest ago is forgotten first."""


class SlowSources:
    """Averages by host and by client: a client that varies the host it asks for stays slow, and so does a host that is
    asked by many clients."""

    def __init__(self) -> None:
        self._averages: dict[tuple[str, str], tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._averages)

    def add(self, source: Source, seconds: float) -> None:
        """An image of this source took a hasher so long."""
        now = time.monotonic()
        for key in source._asdict().items():
            if key[1]:
                average = self._average(key, now)
                new = seconds if average is None else average + _WEIGHT * (seconds - average)
                self._averages.pop(key, None)
                self._averages[key] = (new, now)
        while len(self._averages) > MAX_REMEMBERED:
            del self._averages[next(iter(self._averages))]

    def __contains__(self, source: Source) -> bool:
        now = time.monotonic()
        averages = (self._average(key, now) for key in source._asdict().items())
        return any(average is not None and average > SLOW_SECONDS for average in averages)

    def _average(self, key: tuple[str, str], now: float) -> float | None:
        average, at = self._averages.get(key, (None, now))
        return average if now - at < _REMEMBERED_SECONDS else None

"""Counts matches by entry, so that a surge of matches by one entry is seen in the metrics."""

import time
from collections import Counter
from collections.abc import Callable

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop

MINUTE = 60.0
TICK_SECONDS = 1.0
MAX_ENTRIES = 10_000
"""Entries counted within a minute. Further ones are not: the largest of many is hardly among the last."""


class MatchRate:
    """The matches of one worker within minutes of its clock.

    Args:
        now: seconds, monotonic.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._counts: Counter[str] = Counter()
        self._minute = now() // MINUTE
        self._loop = WorkerLoop(
            "match rate", self._publish, metric_label="match_rate", retry_seconds=TICK_SECONDS,
            pause_seconds=TICK_SECONDS,
        )  # fmt: skip

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def _publish(self) -> None:
        self.publish()

    def add(self, entry_id: str) -> None:
        """A match of this entry."""
        self.publish()
        if entry_id in self._counts or len(self._counts) < MAX_ENTRIES:
            self._counts[entry_id] += 1

    def publish(self) -> None:
        """When a minute is over, export its largest count: 0 if the minute before this one had no match."""
        minute = self._now() // MINUTE
        if minute == self._minute:
            return
        is_next = minute == self._minute + 1
        largest = max(self._counts.values(), default=0) if is_next else 0
        metrics.entry_matches_max.set(largest)
        self._counts.clear()
        self._minute = minute

"""The worker's side of the origin check: reports served targets, without delaying requests."""

import contextlib

from edgeward import metrics
from edgeward.background.ttl_set import TtlSet
from edgeward.background.worker_loop import WorkerLoop
from edgeward.origin_check.queue import ID_BYTES, ServedTarget, SweepQueue
from edgeward.settings.config import SweepSettings
from edgeward.store.connection import STORE_AWAY
from edgeward.types import Target, target_key

REPORT_SECONDS = 1.0
MAX_REMEMBERED = 200_000
"""Reported targets that are remembered, so as not to report them again too soon."""
MAX_UNREPORTED = 20_000
"""Targets that wait for a report, and as many whose responses are counted for the next one. Further ones are ignored
until they are served again, and counted."""
MAX_UNREPORTED_BYTES = 32 * 1024 * 1024
"""Memory of the targets that wait for a report; further ones as above."""
TARGET_BYTES = 600
"""What one takes beside its texts."""
REPORTS_PER_CHECK_TIME = 8
"""Reports of a target that is served all the time, within the time in which it must be checked: more than checks."""


class ServedReporter:
    """Collects what one worker serves, and reports it every second.

    Args:
        settings: how soon a removal must be noticed, and how many requests to origins each response allows.
    """

    def __init__(self, queue: SweepQueue, settings: SweepSettings) -> None:
        self._queue, self._share = queue, settings.share
        self._reported = TtlSet(settings.within_seconds / REPORTS_PER_CHECK_TIME, MAX_REMEMBERED)
        # By target and image: when it was served, and the responses since its last report.
        self._waiting: dict[tuple[Target, str], tuple[float, int]] = {}
        self._waiting_bytes = 0
        # By a digest of target and image, so that a long target takes no more than a short one.
        self._views: dict[bytes, int] = {}
        self._count = 0
        self._loop = WorkerLoop(
            "report to the sweep",
            self._report,
            metric_label="sweep",
            retry_seconds=REPORT_SECONDS,
            pause_seconds=REPORT_SECONDS,
            on_failure=self._drop_after_defect,
            after_defect="these targets are not reported",
        )

    def note(self, target: Target, sha256: str) -> None:
        """Note that this image was delivered under this target."""
        self._count += 1
        metrics.served_images.inc()
        pair = (target, sha256[: 2 * ID_BYTES])
        if waiting := self._waiting.get(pair):
            self._waiting[pair] = (self._queue.clock.now(), waiting[1] + 1)
            return
        key = target_key(*pair)
        # A few reports within the check time are enough to keep the target near the head of the queue.
        if key in self._reported:
            self._count_view(key)
        elif len(self._waiting) < MAX_UNREPORTED and self._waiting_bytes + _size(target) <= MAX_UNREPORTED_BYTES:
            self._reported.add(key)
            self._waiting[pair] = (self._queue.clock.now(), self._views.pop(key, 0) + 1)
            self._waiting_bytes += _size(target)
        else:
            metrics.sweep_dropped.inc()

    def _count_view(self, key: bytes) -> None:
        """Count a response for the next report of its target."""
        if len(self._views) >= MAX_UNREPORTED and key not in self._views:
            # Only a count is lost: its target was reported a moment ago.
            del self._views[next(iter(self._views))]
        self._views[key] = self._views.get(key, 0) + 1

    def forget_reported(self) -> None:
        """The store has lost the queue: targets are reported again when they are served again."""
        self._reported.clear()

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        if self._loop.running:
            await self._loop.close()
            with contextlib.suppress(*STORE_AWAY):
                await self._report()

    def _drop_after_defect(self, error: Exception) -> None:
        """Targets that could not be reported for a defect would fail again: they are reported when served again."""
        if not isinstance(error, STORE_AWAY):
            self._waiting.clear()
            self._waiting_bytes = 0

    async def _report(self) -> None:
        if not self._count:
            return
        # Copies: more is noted while the store answers. They are dropped only when it has the report.
        waiting, count = dict(self._waiting), self._count
        served = (ServedTarget(*pair, at, views) for pair, (at, views) in waiting.items())
        await self._queue.report(served, count * self._share)
        self._count -= count
        for pair, reported in waiting.items():
            if self._waiting.get(pair) == reported:
                del self._waiting[pair]
                self._waiting_bytes -= _size(pair[0])
            elif current := self._waiting.get(pair):
                self._waiting[pair] = (current[0], current[1] - reported[1])


def _size(target: Target) -> int:
    return TARGET_BYTES + target.length

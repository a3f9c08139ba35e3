"""The proxy's side of the sweep: it tells what is being served, off the request's path."""

import asyncio
import contextlib
import logging
import time

from edgeward import metrics
from edgeward.config import SweepSettings
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.absence import Absence
from edgeward.takedown.recent import Recent, target_key
from edgeward.takedown.sweep.queue import ID_BYTES, Served, SweepQueue
from edgeward.types import Target

logger = logging.getLogger(__name__)

REPORT_SECONDS = 1.0
REMEMBERED = 200_000
HELD = 20_000
"""Targets that a report holds at most: while the store is away, those served last wait."""
REPORTS_PER_ROUND = 4
"""A target that goes on being served is reported so often in the time within which it must be checked."""


class ServedReporter:
    """Collects what one worker serves and reports it every second. What is not reported is reported when served again.

    Args:
        settings: how soon a removal must be noticed, and the share of requests to origins.
    """

    def __init__(self, queue: SweepQueue, settings: SweepSettings) -> None:
        self._queue, self._share = queue, settings.share
        self._reported = Recent(settings.within_seconds / REPORTS_PER_ROUND, REMEMBERED)
        self._waiting: dict[tuple[Target, str], float] = {}
        self._count = 0
        self._absence = Absence("sweep")
        self._task: asyncio.Task[None] | None = None

    def note(self, target: Target, sha256: str) -> None:
        """This image was delivered."""
        self._count += 1
        metrics.served_images.inc()
        image = sha256[: 2 * ID_BYTES]
        key = target_key(target, image)
        if key not in self._reported and len(self._waiting) < HELD:
            self._reported.add(key)
            self._waiting[target, image] = time.time()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="report what is served")

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            with contextlib.suppress(*STORE_AWAY):
                await self._report()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            try:
                await self._report()
                self._absence.over()
            except STORE_AWAY as error:
                self._absence.note(error)
            except Exception:
                # A defect must not end the reports: it is counted.
                metrics.gate_errors.labels("sweep").inc()
                logger.exception("what is served was not reported to the sweep")
                self._waiting.clear()

    async def _report(self) -> None:
        if not self._count:
            return
        waiting, count = dict(self._waiting), self._count
        await self._queue.report((Served(*key, at) for key, at in waiting.items()), count * self._share)
        self._count -= count
        for key in waiting:
            self._waiting.pop(key, None)

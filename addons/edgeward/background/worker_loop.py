"""The loop that every background worker runs: one step after another until it is closed, whatever fails.

If the store is unavailable, that is logged once and the step is retried. Any other exception is a defect: it is counted
and logged with its traceback, and the loop continues. If a worker ended, its work would silently stay undone.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from edgeward import metrics
from edgeward.background.outage_log import OutageLog
from edgeward.errors import LaterRelease, Unavailable
from edgeward.store.connection import STORE_AWAY

logger = logging.getLogger(__name__)

JITTER = (0.5, 1.0)
"""A pause with jitter is multiplied by a random number between these."""


class WorkerLoop:
    """Runs `step` as a task.

    Args:
        name: begins each line that this loop logs.
        step: does a piece of work. After a true result the next step begins at once, otherwise after `pause_seconds`.
        metric_label: under which defects are counted (label `hook` of edgeward_gate_errors_total).
        retry_seconds: the pause after a failed step; or the first and the longest, doubled from failure to failure.
        pause_seconds: the pause after a step that left nothing to do; 0 if steps wait by themselves.
        jitter: shorten the pauses after failures at random, so that many processes do not try at the same moment.
        on_failure: called after a failed step, before the pause, with its exception.
        after_defect: ends the log line of a defect: what happens to the work now.
        outage_log: used instead of a new one.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[object]],
        *,
        metric_label: str,
        retry_seconds: float | tuple[float, float],
        pause_seconds: float = 0.0,
        jitter: bool = False,
        on_failure: Callable[[Exception], None] | None = None,
        after_defect: str = "continuing",
        outage_log: OutageLog | None = None,
    ) -> None:
        self._name, self._step, self._metric_label = name, step, metric_label
        self._first_retry, self._longest_retry = (
            retry_seconds if isinstance(retry_seconds, tuple) else (retry_seconds, retry_seconds)
        )
        self._pause_seconds, self._jitter = pause_seconds, jitter
        self._on_failure, self._after_defect = on_failure, after_defect
        self._outage_log = outage_log or OutageLog(name)
        self._retry = self._first_retry
        self._woken, self._unavailable = asyncio.Event(), ""
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and not closed, and its task has not ended."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Start the task. It must not be running."""
        assert not self.running, self._name
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def close(self) -> None:
        """Cancel the step that is running, and return when it has ended. Harmless where nothing was started."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self) -> None:
        """Begin the next step now: end the pause, or skip the one after the running step."""
        self._woken.set()

    def reset_retry(self) -> None:
        """Make the next pause after a failure the first one again. For steps that make progress before they fail."""
        self._retry = self._first_retry

    def report_failure(self, error: Exception, after_defect: str = "") -> None:
        """Log an outage of the store, or of something else that is needed; count and log anything else as a defect.

        The loop calls this for its steps; a worker calls it for other tasks of its own.

        Args:
            after_defect: as for the loop, if other than that.
        """
        # A store that needs a later release is waited for too: it may be replaced.
        if isinstance(error, (*STORE_AWAY, LaterRelease)):
            self._outage_log.failed(error)
        elif isinstance(error, Unavailable):
            # Said once, until a step succeeds: it is tried again and again.
            if str(error) != self._unavailable:
                logger.error("%s: %s; trying again", self._name, error)
            self._unavailable = str(error)
        else:
            metrics.gate_errors.labels(self._metric_label).inc()
            logger.error("%s: defect; %s", self._name, after_defect or self._after_defect, exc_info=error)

    async def _run(self) -> None:
        while True:
            # Cleared before the step: what comes while it runs, and may be too late for it, skips the next pause.
            self._woken.clear()
            try:
                goes_on = await self._guarded_step()
            except Exception as error:  # noqa: BLE001  a defect must not end the worker: it is counted and logged
                self.report_failure(error)
                if self._on_failure is not None:
                    self._on_failure(error)
                await self._pause(self._retry * (random.uniform(*JITTER) if self._jitter else 1.0))
                self._retry = min(2 * self._retry, self._longest_retry)
                continue
            self._outage_log.recovered()
            self._unavailable = ""
            self.reset_retry()
            if not goes_on and self._pause_seconds:
                await self._pause(self._pause_seconds)

    async def _guarded_step(self) -> object:
        """Only `close`, and the end of the process, cancel the loop. A step may await a task that something else
        cancels: that is a defect like any other."""
        try:
            return await self._step()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise RuntimeError("what the step waited for was cancelled") from error

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

"""A worker of durable jobs. Each controller runs one for each kind of job; they share the jobs by leases.

A job is carried out in a task of its own, so that a short one does not wait for a long one. While the worker lives it
renews the leases of the jobs that it holds, however long they take.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress

from edgeward import metrics
from edgeward.background.job_store import JobStore
from edgeward.background.outage_log import OutageLog
from edgeward.background.worker_loop import WorkerLoop
from edgeward.errors import LaterRelease
from edgeward.store.connection import STORE_AWAY

logger = logging.getLogger(__name__)

MAX_LEFT = 1000
"""Jobs that a worker has left to others and does not claim again."""
TICK_SECONDS = 1.0
"""How often leases are renewed and new jobs are looked for. Several times within LEASE_SECONDS of job_store."""


class JobWorker(ABC):
    """Claims jobs and carries them out. A subclass says in `carry_out` how.

    Args:
        name: begins each line that this worker logs.
        job_store: the jobs.
        max_concurrent: how many jobs it carries out at the same time.
        metric_label: under which defects are counted; see WorkerLoop.
    """

    def __init__(self, name: str, job_store: JobStore, max_concurrent: int, metric_label: str) -> None:
        self._name, self._job_store, self._max_concurrent = name, job_store, max_concurrent
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._left: dict[str, None] = {}
        self._outage_log = OutageLog(name)
        self._loop = WorkerLoop(
            name,
            self._claim,
            metric_label=metric_label,
            retry_seconds=TICK_SECONDS,
            pause_seconds=TICK_SECONDS,
            outage_log=self._outage_log,
        )

    @abstractmethod
    async def carry_out(self, job_id: str) -> None:
        """Do what is left of a job, and finish it.

        Another worker may have begun it and died at any point. If this raises, the job stays open and is tried again
        when its lease has ended.
        """

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        """Stop. Jobs that are not finished are taken over by another worker, or by this one after a restart."""
        await self._loop.close()
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Look for jobs at once: one was created."""
        self._loop.wake()

    async def _claim(self) -> None:
        limit = self._max_concurrent - len(self._tasks)
        for job_id in await self._job_store.claim(limit, [*self._tasks], [*self._left]):
            if job_id not in self._tasks:
                self._tasks[job_id] = asyncio.create_task(self._guarded(job_id), name=f"{self._name} {job_id}")

    async def _guarded(self, job_id: str) -> None:
        try:
            await self.carry_out(job_id)
        except LaterRelease:
            await self._leave(job_id)
        except Exception as error:  # noqa: BLE001  a defect in one job must not touch the others: it is counted
            self._loop.report_failure(error, "the job is tried again")
        finally:
            del self._tasks[job_id]
            # There is a place for another job now.
            self._loop.wake()

    async def _leave(self, job_id: str) -> None:
        """Leave a job to workers of a later release: this one would not do all of it."""
        metrics.unreadable_records.labels("job").inc()
        logger.error("%s: a job was given by a later release of Edgeward, and is left to its controllers", self._name)
        self._left[job_id] = None
        if len(self._left) > MAX_LEFT:
            del self._left[next(iter(self._left))]
        with suppress(*STORE_AWAY):  # then the lease ends by itself
            await self._job_store.leave(job_id)

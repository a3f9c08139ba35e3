"""A replica's part in a refill: it offers what it holds and the store lost, and writes it back when it is asked to."""

import asyncio
import logging
import time

from edgeward.background.worker_loop import WorkerLoop
from edgeward.lists.replication.batch_refill import BatchRefill
from edgeward.lists.replication.refill import Holding, Refill, RefillRequest, RefillSource
from edgeward.lists.replication.store_loss import StoreLoss
from edgeward.matching.matcher import Matcher
from edgeward.store.connection import STORE_AWAY, Store

logger = logging.getLogger(__name__)

REFILL_RETRY_SECONDS = 5.0


class RefillOffer:
    """Offers the lists of one matcher. `name`: that of the replica; `loop`: counts and logs what fails."""

    def __init__(self, store: Store, matcher: Matcher, batches: BatchRefill, name: str, loop: WorkerLoop) -> None:
        self._refill, self._matcher, self._name, self._loop = Refill(store), matcher, name, loop
        self._batches = batches
        self._task: asyncio.Task[None] | None = None
        self._done = ""
        self._due = 0.0

    async def make(self, loss: StoreLoss, highest_version: int, lost_history: str) -> None:
        """Say what this process holds that the store lost. Write it back when a controller asks for it."""
        held = (loss.lists, loss.entries) if loss.in_memory else (0, 0)
        request = await self._refill.offer(self._name, Holding(*held, highest_version, lost_history))
        is_new = request is not None and request.id != self._done
        is_free = self._task is None or self._task.done()
        if request and is_new and is_free and time.monotonic() >= self._due:
            self._task = asyncio.create_task(self._write_back(request, highest_version, lost_history), name="refill")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write_back(self, request: RefillRequest, highest_version: int, lost_history: str) -> None:
        source = RefillSource(self._matcher, self._batches, highest_version, self._name)
        try:
            version = await self._refill.write_back(source, request, lost_history)
        except STORE_AWAY as error:
            self._loop.report_failure(error)  # the next heartbeat begins again: the request is still there
        except Exception as error:  # noqa: BLE001  nobody awaits this task: its defect is counted and logged here
            self._due = time.monotonic() + REFILL_RETRY_SECONDS
            self._loop.report_failure(error, "trying the refill again")
        else:
            self._done = request.id
            logger.warning("replica %s: the lists of the store are restored at version %d", self._name, version)

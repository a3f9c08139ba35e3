"""Removes the files of batches that no process of this machine uses any more.

Each process marks the files that it uses, every hour. What nobody has marked for two days is removed; if it is needed
after all, to compare two old versions of a list, say, it is built again from the store.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from edgeward.background.worker_loop import WorkerLoop
from edgeward.errors import Conflict
from edgeward.matching.batches.batch_files import BatchFiles

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 3600.0
"""Between two marks. Nothing is removed before the second one: other lists may still be loading."""
UNUSED_SECONDS = 48 * 3600.0
"""How long files stay without a mark."""
RETRY_SECONDS = 60.0


class UnusedBatchFiles:
    """The files of a machine, seen from one process.

    Args:
        used: the ids of the batches that this process uses.
    """

    def __init__(self, files: BatchFiles, used: Callable[[], Iterable[str]]) -> None:
        self._files, self._used = files, used
        self._marked_before = False
        self._loop = WorkerLoop(
            "files of batches", self._step, metric_label="batch_files", retry_seconds=RETRY_SECONDS,
            pause_seconds=PAUSE_SECONDS,
        )  # fmt: skip

    async def start(self) -> None:
        """Mark what is used now, and every hour. Harmless if it does so already."""
        if not self._loop.running:
            await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def _step(self) -> None:
        used = set(self._used())
        await asyncio.to_thread(self._files.mark_used, used)
        if self._marked_before:
            try:
                removed = await asyncio.to_thread(self._files.remove_others, used, UNUSED_SECONDS)
            except Conflict:
                return  # another process is writing: in an hour there is time again
            if removed:
                logger.info("removed the files of %d batches that are not in use any more", removed)
        self._marked_before = True

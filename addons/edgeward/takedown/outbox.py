"""What waits to be written to the store, off the request's path: bounded, in order, tried until it is written."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from edgeward import metrics
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.absence import Absence

logger = logging.getLogger(__name__)

BATCH = 100
RETRY_SECONDS = (0.05, 1.0)
"""Pause before the second try, and the longest one."""
FLUSH_SECONDS = 3.0
"""How long `close` goes on trying."""


class Outbox[T]:
    """Items on their way to the store. When it is away they wait here; beyond `size`, newer ones are refused.

    Args:
        name: of the items, for the log.
        write: writes a batch; it may be called again with a batch that it wrote already.
    """

    def __init__(self, name: str, write: Callable[[Sequence[T]], Awaitable[None]], size: int) -> None:
        self._name, self._write, self._size = name, write, size
        self._absence = Absence(name)
        self._items: deque[T] = deque()
        self._filled = asyncio.Event()
        self._put = self._done = 0
        self._progress = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    def put(self, item: T) -> bool:
        """Leave an item to be written. False: there is no room, and the item is lost."""
        if len(self._items) >= self._size:
            return False
        self._items.append(item)
        self._put += 1
        self._filled.set()
        return True

    @property
    def mark(self) -> int:
        """Stands for all that was put so far; see `reached`."""
        return self._put

    def reached(self, mark: int) -> bool:
        """Whether all that was put before the mark is written."""
        return self._done >= mark

    async def flush(self) -> None:
        """Wait until all that was put before is written."""
        goal = self.mark
        async with self._progress:
            await self._progress.wait_for(lambda: self.reached(goal))

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"outbox of {self._name}")

    async def close(self) -> None:
        """Write what is left, for FLUSH_SECONDS at most."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.flush()
        except TimeoutError:
            logger.error("%d %s lost: the store is away", len(self._items), self._name)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            batch = [self._items[i] for i in range(min(BATCH, len(self._items)))]
            await self._write_until_done(batch)
            for _ in batch:
                self._items.popleft()
            if not self._items:
                self._filled.clear()
            async with self._progress:
                self._done += len(batch)
                self._progress.notify_all()

    async def _write_until_done(self, batch: Sequence[T]) -> None:
        pause, longest = RETRY_SECONDS
        while True:
            try:
                await self._write(batch)
                self._absence.over()
                return
            except STORE_AWAY as error:
                self._absence.note(error)
            except Exception:
                # A defect must cost one batch, not all that comes after it: it is counted, and the batch is dropped.
                metrics.gate_errors.labels("outbox").inc()
                logger.exception("%d %s lost to a defect", len(batch), self._name)
                return
            await asyncio.sleep(pause)
            pause = min(longest, pause * 2)

"""A bounded queue of writes to the store, in order, retried until done. Requests do not wait for it."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from edgeward.background.worker_loop import WorkerLoop
from edgeward.store.connection import STORE_AWAY

logger = logging.getLogger(__name__)

BATCH_SIZE = 100
RETRY_SECONDS = (0.05, 1.0)
"""Pause before the second attempt, and the longest one."""
CLOSE_SECONDS = 3.0
"""How long `close` keeps trying."""


class WriteBuffer[T]:
    """Writes items in batches. While the store is unavailable they wait; at `size` items or `max_bytes`, new ones are
    refused.

    Args:
        name: of the items, in the plural, for the log.
        write: writes a batch. After a failure it gets the same batch again, even if the store has it already.
        on_loss: called with items that will not be written: the buffer was full, or a defect cost their batch.
        max_bytes: limit of what `bytes_of` says of all items that wait.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[T]], Awaitable[None]],
        size: int,
        on_loss: Callable[[Sequence[T]], None] | None = None,
        max_bytes: int = 0,
        bytes_of: Callable[[T], int] = lambda item: 0,
    ) -> None:
        self._name, self._write, self._size, self._on_loss = name, write, size, on_loss
        self._max_bytes, self._bytes_of, self._bytes = max_bytes, bytes_of, 0
        self._items: deque[T] = deque()
        self._batch: list[T] = []
        self._filled = asyncio.Event()
        self._put_count = self._written_count = 0
        self._progress = asyncio.Condition()
        self._loop = WorkerLoop(name, self._write_batch, metric_label="write_buffer", retry_seconds=RETRY_SECONDS)

    def put(self, item: T) -> bool:
        """Queue an item. False: the buffer is full, and the item is dropped."""
        size = self._bytes_of(item)
        # One that is larger than the limit itself is taken while no other waits.
        if len(self._items) >= self._size or (self._items and self._bytes + size > self._max_bytes > 0):
            self._lose([item])
            return False
        self._items.append(item)
        self._bytes += size
        self._put_count += 1
        self._filled.set()
        return True

    @property
    def mark(self) -> int:
        """Stands for all items put so far; see `reached`."""
        return self._put_count

    def reached(self, mark: int) -> bool:
        """Whether all items put before the mark are written."""
        return self._written_count >= mark

    def has_begun(self, mark: int) -> bool:
        """Whether the last item put before the mark is written, or being written."""
        return self._written_count + len(self._batch) >= mark

    async def flush(self) -> None:
        """Wait until all items put before this call are written."""
        goal = self.mark
        async with self._progress:
            await self._progress.wait_for(lambda: self.reached(goal))

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        """Write what is left, for CLOSE_SECONDS at most."""
        if not self._loop.running:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.flush()
        except TimeoutError:
            logger.error("%d %s lost: not written within %g s", len(self._items), self._name, CLOSE_SECONDS)
        await self._loop.close()

    async def _write_batch(self) -> None:
        """Write the oldest items. If this raises one of STORE_AWAY, the next call tries the same batch again."""
        if not self._batch:
            await self._filled.wait()
            self._batch = [self._items[i] for i in range(min(BATCH_SIZE, len(self._items)))]
        try:
            await self._write(self._batch)
        except STORE_AWAY:
            raise
        except Exception:
            # A defect costs this batch, not all after it. The loop counts it; it does not prove that the store is back.
            logger.error("%d %s lost by a defect", len(self._batch), self._name)
            self._lose(self._batch)
            await self._remove_batch()
            raise
        await self._remove_batch()

    def _lose(self, items: Sequence[T]) -> None:
        if self._on_loss:
            self._on_loss(items)

    async def _remove_batch(self) -> None:
        written, self._batch = len(self._batch), []
        for _ in range(written):
            self._bytes -= self._bytes_of(self._items.popleft())
        if not self._items:
            self._filled.clear()
        async with self._progress:
            self._written_count += written
            self._progress.notify_all()

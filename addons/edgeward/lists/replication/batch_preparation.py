"""Gets the files of batches ready on this machine: before a batch acts if it is announced, and else when it is applied.

One process of a machine builds them, from the store, by a process of its own (matching/batches/write_files.py).
"""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from edgeward import metrics
from edgeward.errors import Conflict, StoreUnavailable, Unavailable
from edgeward.lists.batches.announcements import Announcements, Preparing
from edgeward.lists.batches.batch_data import BatchData
from edgeward.lists.replication.membership import Membership
from edgeward.matching.batches import file_stream, write_files
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.types import Batch

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
"""Pause between two looks at whether another process of the machine has built the files."""
MAX_TRIES, RETRY_SECONDS = 5, 0.5
"""How often it is tried to get the files of an announced batch ready, and the first pause between two tries."""
LOG_SECONDS = 10.0
"""Time between two lines of the log about how much is built."""


_NOT_NOW: tuple[type[Exception], ...] = (*STORE_AWAY, Unavailable)


class BatchPreparation:
    """The files of batches, for one replica.

    Args:
        name: of the replica.
        between: awaited again and again during long work: sends the replica's heartbeats.

    Attributes:
        progress: share of the rows whose files are built that this process waits for, 0 to 1; None: it waits for none.
    """

    def __init__(
        self,
        name: str,
        files: BatchFiles,
        store: Store,
        membership: Membership,
        between: Callable[[], Awaitable[None]],
    ) -> None:
        self.files = files
        self._name, self._between = name, between
        self._data, self._announcements = BatchData(store), Announcements(store, membership)
        self._tasks = dict[str, asyncio.Task[None]]()
        self.progress: float | None = None
        # Of those that are waited for: the share that came before the present batch, and that of it.
        self._before, self._each = 0.0, 1.0

    async def ensure(self, batches: Sequence[Batch]) -> None:
        """Return when this machine has the files of all these batches.

        Raises:
            STORE_AWAY: the store is away, or lacks data of a batch.
            Unavailable: the files can't be written.
        """
        missing = [batch for batch in batches if not self.files.has(batch.id)]
        total, done = max(1, sum(batch.rows for batch in missing)), 0
        if missing:
            metrics.batch_files_built_ratio.set(0)
        for batch in missing:
            self._before, self._each = done / total, batch.rows / total
            await self._ensure(batch)
            done += batch.rows
        self.progress = None
        metrics.batch_files_built_ratio.set(1)

    def announced(self, batches: Sequence[Batch]) -> None:
        """Get the files of announced batches ready, in tasks."""
        for batch in batches:
            if batch.id not in self._tasks:
                task = asyncio.create_task(self._prepare(batch), name=batch.id)
                self._tasks[batch.id] = task
                task.add_done_callback(lambda done: self._tasks.pop(done.get_name(), None))

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _prepare(self, batch: Batch) -> None:
        why = ""
        for tried in range(1, MAX_TRIES + 1):
            try:
                if not await self._data.exists(batch.id):
                    return  # it was given up, or its list deleted
                await self._announcements.note(batch.id, self._name, Preparing.SEEN)
                await self.ensure([batch])
                await self._announcements.note(batch.id, self._name, Preparing.READY)
                return
            except _NOT_NOW as error:
                logger.warning("the files of a batch can't be made ready now: %s", error)
                why = str(error)
            await asyncio.sleep(RETRY_SECONDS * tried)
        with contextlib.suppress(*STORE_AWAY):
            # Nobody waits for this process any more: the batch is given up.
            await self._announcements.note(batch.id, self._name, Preparing.FAILED, why)

    async def _ensure(self, batch: Batch) -> None:
        while not self.files.has(batch.id):
            try:
                lock = self.files.lock()
            except Conflict:
                # Another process of this machine is at it, or at another batch.
                await asyncio.sleep(POLL_SECONDS)
                await self._between()
                continue
            except OSError as error:
                raise Unavailable(_no_files(self.files.directory, error)) from None
            with lock:
                if not self.files.has(batch.id):
                    await self._build(batch)

    async def _build(self, batch: Batch) -> None:
        began = time.monotonic()
        command = (sys.executable, "-m", write_files.__name__, str(self.files.directory))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send(batch, process))
                tasks.create_task(self._show_progress(process))
                errors = tasks.create_task(_read_errors(process))
            status = await process.wait()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if status == write_files.NO_DISK:
            raise Unavailable(f"the files of batches can't be written to {errors.result()}")
        if status == write_files.BUSY:
            await asyncio.sleep(POLL_SECONDS)
            return
        if status or not self.files.has(batch.id):
            raise Unavailable(f"the process that writes the files of a batch has failed ({status}): {errors.result()}")
        logger.info("built the files of a batch of %d rows, in %.1f s", batch.rows, time.monotonic() - began)

    async def _send(self, batch: Batch, process: asyncio.subprocess.Process) -> None:
        """Send the batch with its data. What the process says if it can't go on is read by others."""
        to = process.stdin
        assert to is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            to.write(file_stream.first_line(batch))
            async for name, value in self._whole(batch):
                to.write(file_stream.frame(name, value))
                await to.drain()
                await self._between()
            to.write(file_stream.END)
            await to.drain()
            to.close()

    async def _whole(self, batch: Batch) -> AsyncIterator[tuple[str, bytes]]:
        """The data of a batch. Raises StoreUnavailable if the store has none of them."""
        found = False
        async for name, value in self._data.read(batch):
            found = True
            yield name, value
        if not found:
            raise StoreUnavailable(f"the store lacks the data of the batch {batch.id}")

    async def _show_progress(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        logged = time.monotonic()
        async for line in process.stdout:
            self.progress = self._before + self._each * float(line)
            metrics.batch_files_built_ratio.set(self.progress)
            await self._between()
            if time.monotonic() - logged > LOG_SECONDS:
                logged = time.monotonic()
                logger.info("building the files of batches of entries: %.0f %%", 100 * self.progress)


def _no_files(directory: Path, error: OSError) -> str:
    return f"the files of batches can't be written to {directory}: {error.strerror}"


async def _read_errors(process: asyncio.subprocess.Process) -> str:
    """What a process says to standard error, its last line: at most a few hundred characters."""
    assert process.stderr is not None
    text = (await process.stderr.read()).decode(errors="replace").strip()
    return text.rpartition("\n")[2][:400]

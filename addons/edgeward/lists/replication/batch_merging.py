"""Has segments of batches merged, now and then, and lets the matcher of this process search the merged ones.

One process of a machine has them merged, by a process of its own (matching/batches/merge_files.py).
"""

import asyncio
import contextlib
import logging
import sys
import time

from edgeward.background.worker_loop import WorkerLoop
from edgeward.errors import Conflict, DamagedSegment, Unavailable
from edgeward.matching.batches import merge_files
from edgeward.matching.batches.batch_files import MERGING_LOCK, BatchFiles
from edgeward.matching.batches.merging import plan
from edgeward.matching.matcher import Matcher

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
"""Between two looks at the files of the machine."""
RETRY_SECONDS = 60.0
"""Pause after a failure."""


class BatchMerging:
    """The merged segments of one matcher."""

    def __init__(self, matcher: Matcher, files: BatchFiles) -> None:
        self._matcher, self._files = matcher, files
        self._seen = frozenset[str]()
        self._loop = WorkerLoop(
            "merging of batches", self._step, metric_label="batch_merging", retry_seconds=RETRY_SECONDS,
            pause_seconds=PAUSE_SECONDS,
        )  # fmt: skip

    async def start(self) -> None:
        """Look now, and again and again. Harmless if it does so already."""
        if self._loop.running:
            self._loop.wake()
        else:
            await self._loop.start()

    async def close(self) -> None:
        """Stop. Merging that is under way is given up."""
        await self._loop.close()

    async def _step(self) -> None:
        try:
            self._matcher.use_merged(self._files)
            names = await asyncio.to_thread(self._files.names)
            if names == self._seen:
                return
            todo = await asyncio.to_thread(plan, self._files)
            if todo.changed:
                with self._files.lock(MERGING_LOCK):
                    await self._merge()
        except Conflict:
            return  # another process of this machine is at it: look again afterwards
        except (DamagedSegment, FileNotFoundError) as error:
            # Nobody may need that batch any more, so nobody would build its files again.
            logger.warning("segments of batches are not merged: %s", error)
            try:
                await asyncio.to_thread(self._files.remove_damaged)
            except Conflict:
                return
        except OSError as error:
            raise Unavailable(f"segments of batches can't be merged in {self._files.directory}: {error}") from None
        self._seen = names

    async def _merge(self) -> None:
        began = time.monotonic()
        command = (sys.executable, "-m", merge_files.__name__, str(self._files.directory))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stderr=pipe)
        try:
            _, errors = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            text = errors.decode(errors="replace").strip().rpartition("\n")[2][:400]
            logger.warning("segments of batches can't be merged: %s", text)
        else:
            logger.info("segments of batches merged, in %.1f s", time.monotonic() - began)

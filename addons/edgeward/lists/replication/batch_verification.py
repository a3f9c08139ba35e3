"""Compares the segments that a matcher searches with their checksums, a little at a time.

A bit that the disk lost would hide listed values without a sign. Small segments are compared when they are opened, the
others by this: soon after they are opened, and once a day, by one process of a machine, as all map the same bytes. What
is damaged is removed, and built again from the store; each process opens what comes in its place.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.errors import Conflict, DamagedSegment
from edgeward.matching.batches.batch_files import VERIFYING_LOCK, BatchFiles
from edgeward.matching.batches.searched_segments import SearchedSegment
from edgeward.matching.matcher import Matcher
from edgeward.matching.segments.segment_file import Identity

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
"""Between two looks at which segments are searched."""
STEP_PAUSE_SECONDS = 0.05
"""After each 16 MiB: it takes about a tenth of a core of one process."""
AGAIN_SECONDS = 86400.0


class _Searched(NamedTuple):
    list: str
    segment: SearchedSegment


class BatchVerification:
    """The segments of one matcher.

    Args:
        damaged: called with the name of a list of which a batch must be opened anew.
    """

    def __init__(self, matcher: Matcher, files: BatchFiles, damaged: Callable[[str], None]) -> None:
        self._matcher, self._files, self._damaged = matcher, files, damaged
        self._verified: dict[Identity, float] = {}
        self._right = ExitStack()
        self._verifies = False
        self._loop = WorkerLoop(
            "verification of batches", self._step, metric_label="batch_verification", retry_seconds=PAUSE_SECONDS,
            pause_seconds=PAUSE_SECONDS,
        )  # fmt: skip

    async def start(self) -> None:
        """Look now, and again and again. Harmless if it does so already."""
        if self._loop.running:
            self._loop.wake()
        else:
            await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()
        self._right.close()
        self._verifies = False

    async def _step(self) -> None:
        searched = list(self._searched())
        damaged = self._files.damaged()
        if known := [each for each in searched if each.segment.search.segment.file.identity in damaged]:
            for each in known:
                await self._open_anew(each)
            return
        if self._may_verify():
            await self._verify(searched)

    def _may_verify(self) -> bool:
        """Whether this process is the one of the machine that verifies. If it ends, another one is."""
        if not self._verifies:
            try:
                self._right.enter_context(self._files.lock(VERIFYING_LOCK))
            except Conflict:
                return False
            self._verifies = True
        return True

    async def _verify(self, searched: Sequence[_Searched]) -> None:
        present = {each.segment.search.segment.file.identity for each in searched}
        self._verified = {identity: at for identity, at in self._verified.items() if identity in present}
        for each in searched:
            file = each.segment.search.segment.file
            if time.monotonic() - self._verified.get(file.identity, -AGAIN_SECONDS) < AGAIN_SECONDS:
                continue
            try:
                steps = file.verify()
                while await asyncio.to_thread(next, steps, True) is None:
                    await asyncio.sleep(STEP_PAUSE_SECONDS)
            except FileNotFoundError:
                continue  # it was replaced just now, or somebody has deleted it: what is open goes on
            except DamagedSegment as error:
                logger.error("%s: it is removed, and built again", error)
                metrics.batch_files_damaged.inc()
                self._files.note_damaged(file)
                await self._open_anew(each)
            self._verified[file.identity] = time.monotonic()

    def _searched(self) -> Iterator[_Searched]:
        for name in list(self._matcher.lists):
            for segments in self._matcher.batches(name).state.segments.values():
                yield from (_Searched(name, each) for each in segments)

    async def _open_anew(self, searched: _Searched) -> None:
        """Remove what is damaged, unless another process has done so, and have what comes in its place opened."""
        file, batches = searched.segment.search.segment.file, [each for each in searched.segment.batches if each]
        if self._files.is_merged(file):
            # The segments of the batches say the same.
            self._files.remove_merged(file)
            self._matcher.use_merged(self._files)
            return
        for batch_id in batches:
            while file.is_current():
                try:
                    await asyncio.to_thread(self._files.remove, batch_id)
                except Conflict:  # another process is writing to the directory
                    await asyncio.sleep(STEP_PAUSE_SECONDS)
        self._matcher.batches(searched.list).open_anew(batches)
        self._damaged(searched.list)

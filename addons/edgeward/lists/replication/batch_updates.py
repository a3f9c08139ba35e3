"""Lets the batches of lists act in the matcher of a replica."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence

from edgeward.errors import Conflict, DamagedSegment, Unavailable
from edgeward.lists.batches.batch_store import BatchStore, StoredBatches
from edgeward.lists.replication.batch_merging import BatchMerging
from edgeward.lists.replication.batch_preparation import BatchPreparation
from edgeward.lists.replication.batch_verification import BatchVerification
from edgeward.lists.replication.unused_batch_files import UnusedBatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.matching.time_slicing import run_in_slices
from edgeward.types import Batch, Unreadable

logger = logging.getLogger(__name__)

MAX_TRIES = 3
"""How often the files of a list's batches are opened, with what is damaged built anew in between."""
_NONE = StoredBatches(0, (), {})


class BatchUpdates:
    """The batches of one matcher."""

    def __init__(self, matcher: Matcher, batches: BatchStore, preparation: BatchPreparation) -> None:
        self._matcher, self._store, self._preparation = matcher, batches, preparation
        self._merging = BatchMerging(matcher, preparation.files)
        self._unused_files = UnusedBatchFiles(preparation.files, self._used)
        self._damaged: set[str] = set()
        self._verification = BatchVerification(matcher, preparation.files, self._damaged.add)
        self._loaded: dict[str, StoredBatches] = {}

    @property
    def damaged(self) -> bool:
        """Whether the files of a batch that acts here are damaged: all must be loaded again."""
        return bool(self._damaged)

    def of(self, list_name: str) -> StoredBatches:
        """The batches of a list that act here."""
        return self._loaded.get(list_name, _NONE)

    def acting(self, list_name: str) -> int:
        """How many batches of a list act here."""
        return sum(not batch.undone for batch in self.of(list_name).batches)

    async def load(self, list_name: str, keep_others: bool) -> tuple[Sequence[Unreadable], int]:
        """Let the batches act that a list has in the store.

        Args:
            keep_others: those that act here and are not in the store go on.

        Returns:
            Those that can't be read, and how many entries are kept of others.

        Raises:
            STORE_AWAY: the store is away, or lacks the rows of a batch.
            Unavailable: the files can't be written.
        """
        stored, kept = await self._store.get(list_name), 0
        if keep_others:
            stored, kept = _with_others(stored, self.of(list_name))
        if not stored.batches and list_name not in self._loaded:
            return stored.unreadable, kept
        for tried in range(MAX_TRIES):
            await self._preparation.ensure(stored.needed())
            steps = self._matcher.set_batches_steps(list_name, stored.needed(), stored.removed, self._preparation.files)
            try:
                await run_in_slices(steps)
                break
            except (FileNotFoundError, DamagedSegment) as error:
                if tried == MAX_TRIES - 1:
                    raise Unavailable(f"the files of a batch can't be read: {error}") from error
                logger.error("the files of a batch are built again: %s", error)
                await self._remove_damaged(stored.needed())
        self._loaded[list_name] = stored
        await self._merging.start()
        await self._unused_files.start()
        await self._verification.start()
        self._damaged.discard(list_name)
        return stored.unreadable, kept

    async def _remove_damaged(self, batches: Sequence[Batch]) -> None:
        """Remove the files of those of the batches that can't be opened."""
        files = self._preparation.files
        for batch in batches:
            try:
                await asyncio.to_thread(files.check, batch)
            except FileNotFoundError:
                continue
            except DamagedSegment:
                with contextlib.suppress(Conflict):  # another process is writing: the next try removes them
                    files.remove(batch.id)

    async def close(self) -> None:
        """End what gets files ready, merges them, or removes them."""
        await self._preparation.close()
        await self._merging.close()
        await self._verification.close()
        await self._unused_files.close()

    def _used(self) -> Iterable[str]:
        return (batch.id for stored in self._loaded.values() for batch in stored.needed())

    def forget(self, list_name: str) -> None:
        """The list is deleted."""
        self._loaded.pop(list_name, None)


def _with_others(stored: StoredBatches, here: StoredBatches) -> tuple[StoredBatches, int]:
    """The batches of the store with those that are only here, and how many entries those had listed."""
    there = {batch.id for batch in stored.batches}
    others = [batch for batch in here.batches if batch.id not in there]
    batches = sorted([*stored.batches, *others], key=lambda batch: batch.version)
    removed = here.removed | stored.removed if others else stored.removed
    kept = sum(batch.rows for batch in others if not batch.undone)
    return StoredBatches(max(stored.last, here.last), batches, removed, stored.unreadable), kept

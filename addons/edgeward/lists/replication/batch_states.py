"""The batches of lists as the store records them, read through the files of this machine: what an undo would do, and
what was listed at another version."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace

from edgeward.errors import DamagedSegment, Unavailable
from edgeward.lists.batches.batch_store import BatchStore, StoredBatches
from edgeward.lists.replication.batch_preparation import BatchPreparation
from edgeward.matching.batches.batch_index import BatchState
from edgeward.matching.batches.row_sets import signals_of
from edgeward.matching.batches.state_difference import StateDifference, UndoEffect, effect_of_undo, state_of
from edgeward.types import Batch, Entry, RowRef, Signal


class BatchStates:
    """States of the batches of one store. Each is computed anew, in a thread."""

    def __init__(self, batches: BatchStore, preparation: BatchPreparation) -> None:
        self._batches, self._preparation = batches, preparation

    async def now(self, list_name: str) -> tuple[StoredBatches, BatchState]:
        """The batches of a list, and their state.

        Raises:
            STORE_AWAY: the store is away, or lacks data of a batch.
            Unavailable: the files can't be written or read.
        """
        stored = await self._batches.get(list_name)
        return stored, await self._state(list_name, stored.needed(), stored.removed)

    async def effect_of_undo(
        self, stored: StoredBatches, batch: Batch, singles: Sequence[Entry], limit: int
    ) -> UndoEffect:
        """What the undo of one of the batches of a list would do; see `state_difference.effect_of_undo`. Errors as in
        `now`."""
        before, after = await self._before_and_after(stored, batch)
        return await self._read(effect_of_undo, before, after, batch, singles, limit)

    async def put_back(self, stored: StoredBatches, batch: Batch) -> AsyncIterator[Sequence[Signal]]:
        """The signals of the rows that the undo of a batch puts back, some at a time. Errors as in `now`."""
        before, after = await self._before_and_after(stored, batch)
        difference = await self._read(StateDifference, before, after)
        signals = signals_of(after, difference.added)
        while some := await self._read(next, signals, ()):
            yield some

    async def _before_and_after(self, stored: StoredBatches, batch: Batch) -> tuple[BatchState, BatchState]:
        """The states without and with the undo of a batch."""
        batches = stored.needed()
        without = [replace(each, undone=True) if each.id == batch.id else each for each in batches]
        before = await self._state(batch.list, batches, stored.removed)
        return before, await self._state(batch.list, without, stored.removed)

    async def between(self, list_name: str, first: int, last: int) -> StateDifference:
        """What differs between two versions of the lists. Errors as in `now`.

        Of a row that was removed by itself more than once it is known when that was last.
        """
        stored = await self._batches.get(list_name)
        old = await self._batches.old_of(list_name)
        batches = sorted([*stored.batches, *old], key=lambda each: each.version)
        # What was undone before, and is added by none that came later, says nothing at either version.
        batches = [each for each in batches if each.version <= last and not _was_over(each, batches, first)]

        def then(version: int) -> tuple[list[Batch], dict[RowRef, int]]:
            removed = {ref: at for ref, at in stored.removed.items() if at <= version}
            return [replace(each, undone=not _acts_at(each, version)) for each in batches], removed

        before, after = await self._state(list_name, *then(first)), await self._state(list_name, *then(last))
        return await self._read(StateDifference, before, after)

    async def _state(self, list_name: str, batches: Sequence[Batch], removed: Mapping[RowRef, int]) -> BatchState:
        await self._preparation.ensure(batches)
        return await self._read(state_of, list_name, batches, removed, self._preparation.files)

    async def _read[**P, R](self, read: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What a function returns that reads files, called in a thread. Raises Unavailable: it can't read them."""
        try:
            return await asyncio.to_thread(read, *args, **kwargs)
        except (FileNotFoundError, DamagedSegment) as error:
            raise Unavailable(f"the files of a batch can't be read: {error}") from error


def _acts_at(batch: Batch, version: int) -> bool:
    """Whether a batch was made by a version, and not undone."""
    return batch.version <= version and not (batch.undone and batch.undone_version <= version)


def _was_over(batch: Batch, batches: Sequence[Batch], version: int) -> bool:
    """Whether a batch was undone at a version, and no other adds its rows."""
    over = batch.undone and batch.undone_version <= version
    return over and not any(batch.id in each.adds for each in batches)

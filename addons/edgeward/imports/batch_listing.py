"""Lists an import as a batch: in one step, so that it is on the list as a whole or not at all.

If a controller dies, another begins again, or goes on after the commit: the store has a batch of the import then.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable

from edgeward.background.polling import Polling
from edgeward.errors import Unavailable
from edgeward.imports.batch_maker import BatchMaker, MadeBatch
from edgeward.imports.batch_rows import pieces_of, read_piece
from edgeward.imports.import_jobs import ImportJob, ImportJobs
from edgeward.imports.judged_policy import require_judged
from edgeward.lists.batches.announcements import Announcements
from edgeward.lists.batches.batch_store import BatchesChanged, StoredBatches
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.matching.batches.packed_rows import PackedRows
from edgeward.purging.orders import Orders
from edgeward.store.connection import Store
from edgeward.types import Batch, entry_id

OWN_LISTS_SECONDS = 60.0
"""How long to wait for this process's own lists."""
POLL_SECONDS = (0.005, 0.25)


class BatchListing:
    """Lists imports as batches, in a controller.

    Args:
        check: awaited again and again with the id of the job. What it raises is raised: somebody has cancelled it.
    """

    def __init__(
        self,
        store: Store,
        jobs: ImportJobs,
        list_store: ListStore,
        replica: Replica,
        check: Callable[[str], Awaitable[object]],
    ) -> None:
        self._jobs, self._list_store, self._replica, self._check = jobs, list_store, replica, check
        self._batches = list_store.batches
        self._announcements = Announcements(store, replica.membership)

    async def commit(self, job: ImportJob) -> Batch | None:
        """List an import, and return its batch. None: there was nothing to list or to take off.

        Raises:
            NotFound: the list does not exist any more.
            Conflict: the import is undone.
            STORE_FULL: the store has no room for the rows.
        """
        while True:
            stored = await self._current(job)
            if done := next((batch for batch in stored.batches if batch.act == job.id), None):
                return done
            made = await self._make(job)
            require_judged(job.policy if job.total else "", await self._list_store.get_list(job.list))
            try:
                return await self._list(made, stored.last)
            except BatchesChanged:
                continue  # another import or an undo came first: compare with what it has made of the list
            finally:
                await self._give_up(job, made.batch.id)

    def single(self, job: ImportJob, ids: Iterable[str]) -> list[str]:
        """Those of these entries that are on the list by themselves, in no batch."""
        single = self._replica.matcher.single_entries(job.list)
        return [each for each in ids if each in single]

    async def lists_any(self, job: ImportJob, ids: Collection[str]) -> set[str]:
        """Those of these ids of entries that the import lists, new or known."""
        found = set[str]()
        async for piece in self._ids(job):
            found |= piece & set(ids)
        return found

    async def earlier_orders(self, job: ImportJob, orders: Orders) -> AsyncIterator[str]:
        """Ids of the purge orders that the entries of an import had led to before, in no order; some may come twice."""
        async for piece in self._ids(job):
            for order_id in await orders.ids_of_entries(sorted(piece)):
                yield order_id
            await self._check(job.id)

    async def _ids(self, job: ImportJob) -> AsyncIterator[set[str]]:
        """The ids of all entries of an import, a piece at a time."""
        for pieces in pieces_of(job.parts):
            for piece in pieces:
                rows = read_piece(await self._jobs.piece(job.id, piece.number), piece)
                yield await asyncio.to_thread(_ids_of, rows, job.list)

    async def _current(self, job: ImportJob) -> StoredBatches:
        """The batches of the list, which this process has applied. Raises Unavailable: it does not apply them."""
        stored = await self._batches.get(job.list)
        version = max(stored.last, await self._list_store.version())
        polling, deadline = Polling(*POLL_SECONDS), time.monotonic() + OWN_LISTS_SECONDS
        while not await self._replica.wait_version(version, 1.0):
            await self._check(job.id)
            if time.monotonic() > deadline:
                raise Unavailable("this process has not applied the lists of the store yet")
            await polling.pause()
        return stored

    async def _make(self, job: ImportJob) -> MadeBatch:
        batch_id = secrets.token_hex(8)
        if before := await self._jobs.note_batch(job.id, batch_id):
            await self._batches.discard(job.list, before)

        async def check() -> None:
            await self._check(job.id)

        maker = BatchMaker(job, batch_id, self._jobs, self._batches.data, self._replica.matcher, check)
        try:
            return await maker.make()
        except BaseException:
            await self._batches.data.discard(batch_id)
            raise

    async def _list(self, made: MadeBatch, last: int) -> Batch | None:
        batch = made.batch
        if not (batch.parts or batch.adds or batch.removes):
            return None
        await self._announcements.announce(batch)
        await self._announcements.wait_ready(batch.id, lambda: self._check(batch.act))
        change = await self._batches.commit(batch, last, made.numbers)
        return change.batch

    async def _give_up(self, job: ImportJob, batch_id: str) -> None:
        """Forget what was prepared for a batch, and its data if it is not committed."""
        await self._announcements.forget(batch_id)
        await self._batches.discard(job.list, batch_id)


def _ids_of(rows: PackedRows, list_name: str) -> set[str]:
    return {entry_id(list_name, rows.signal(number)) for number in range(len(rows))}

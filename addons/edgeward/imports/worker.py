"""Carries out imports: lists their entries chunk by chunk, or in one step as a batch (batch_listing.py), collects the
purge orders that follow from them, and then takes off the list what the file withdraws.

If a controller dies, another continues with the same chunk. The changes made since that chunk was begun tell
whether it is listed already.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import batched

from edgeward.background.job_worker import JobWorker
from edgeward.background.polling import Polling
from edgeward.errors import Conflict, NotFound
from edgeward.imports.batch_listing import BatchListing
from edgeward.imports.import_jobs import ImportJob, ImportJobs
from edgeward.imports.import_progress import ImportProgress
from edgeward.imports.judged_policy import require_judged
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.lists.withdrawals import CHUNK_SIZE
from edgeward.purging.orders import Orders
from edgeward.retromatch.worker import RetromatchWorker
from edgeward.store.connection import STORE_FULL, Store
from edgeward.types import Batch, Change, Entry

MAX_CONCURRENT = 4
"""Imports that one controller carries out at the same time."""
POLL_SECONDS = (0.005, 0.25)
"""Pause between two looks at whether the retromatch worker has matched the next chunk: the first, and the longest."""
CHANGES_PER_CALL = 1000
EARLIER_SECONDS = 2.0
"""How long an import waits for an earlier one of its list. Then it leaves its place to others, and is taken up again
when its lease has ended."""
FOUND_PER_CALL = 10_000
"""Entries of withdrawn source ids that are looked up together among those that the file lists."""
FULL_SECONDS = 20.0
"""How long an import waits for room in a store that is full. Sightings are pruned meanwhile."""


class _NoRoom(Exception):
    """The store has no room for the rest of an import."""

    def __init__(self, job: ImportJob, progress: ImportProgress) -> None:
        listed = min(job.total, progress.chunks_listed * job.size)
        super().__init__(
            f"the store is full: {listed} of {job.total} hashes are listed; raise its maxmemory, and import it again"
        )


class _Cancelled(Exception):
    """Somebody has cancelled the import."""

    def __init__(self, who: str) -> None:
        super().__init__(f"cancelled by {who}: what it had listed is taken back, and what it withdrew is put back")


class ImportWorker(JobWorker):
    """The import worker of one controller."""

    def __init__(
        self,
        store: Store,
        jobs: ImportJobs,
        list_store: ListStore,
        replica: Replica,
        retromatch: RetromatchWorker,
        orders: Orders,
    ) -> None:
        super().__init__("imports", jobs.job_store, MAX_CONCURRENT, metric_label="imports")
        self._jobs, self._list_store, self._retromatch, self._orders = jobs, list_store, retromatch, orders
        self._withdrawals = list_store.withdrawals
        self._batches = BatchListing(store, jobs, list_store, replica, self._get)

    async def carry_out(self, job_id: str) -> None:
        """List the chunks of an import one after another, follow them with their orders, and then withdraw."""
        try:
            if not await self._is_next(job_id):
                return
            job, _ = await self._get(job_id)
            await (self._list_batch(job) if job.is_batch else self._list_all(job_id))
            await self._withdraw_all(job_id)
            await self._wait_lost_purges(job_id)
        except NotFound as error:
            if not await self._is_on_record(job_id):
                # It has expired, and only its id is left.
                await self._jobs.job_store.forget(job_id)
                return
            await self._jobs.finish(job_id, str(error))
        except (Conflict, _NoRoom, _Cancelled) as error:
            # The list was deleted, the import is undone, or does not fit: there is nothing to try again.
            _, progress = await self._jobs.get(job_id)
            await self._jobs.finish(job_id, str(_Cancelled(progress.cancelled_by) if progress.cancelled_by else error))
        else:
            await self._jobs.finish(job_id)

    async def _is_on_record(self, job_id: str) -> bool:
        try:
            await self._jobs.get(job_id)
        except NotFound:
            return False
        return True

    async def _get(self, job_id: str) -> tuple[ImportJob, ImportProgress]:
        """The job, and how far it is. Raises _Cancelled."""
        job, progress = await self._jobs.get(job_id)
        if progress.cancelled_by:
            raise _Cancelled(progress.cancelled_by)
        return job, progress

    async def _is_next(self, job_id: str) -> bool:
        """Wait a while for earlier imports of the list. False: one is not finished; this one is to be tried later."""
        polling, deadline = Polling(*POLL_SECONDS), time.monotonic() + EARLIER_SECONDS
        while await self._jobs.has_earlier((await self._get(job_id))[0]):
            if time.monotonic() > deadline:
                return False
            await polling.pause()
        return True

    async def _list_all(self, job_id: str) -> None:
        polling = Polling(*POLL_SECONDS)
        job, progress = await self._get(job_id)
        # An order may follow from several chunks. What another controller left half done is written over.
        noted = set((await self._jobs.orders(job_id))[: progress.orders])
        while progress.chunks_matched < job.chunks:
            is_listed = progress.chunks_listed == job.chunks
            if not is_listed:
                await self._list_next_chunk(job, progress)
            if await self._collect_orders(job, progress, noted) or not is_listed:
                polling.reset()
            else:
                await polling.pause()
            job, progress = await self._get(job_id)

    async def _list_batch(self, job: ImportJob) -> None:
        """List an import in one step, and follow it with its orders. Raises _NoRoom."""
        polling, deadline = Polling(*POLL_SECONDS), time.monotonic() + FULL_SECONDS
        while True:
            try:
                batch = await self._batches.commit(job)
                break
            except STORE_FULL as error:
                if time.monotonic() > deadline:
                    raise _NoRoom(job, (await self._jobs.get(job.id))[1]) from error
            await polling.pause()
        if batch and job.masked:
            await self._jobs.note_withdrawn(job.id, 0, await self._withdrawn(job), "masks_done")
        if not batch or not job.total:
            return
        added = (await self._list_store.acts.get(job.id)).rows
        await self._jobs.note_listed(job.id, 0, [batch.version], added)
        _, progress = await self._get(job.id)
        while progress.chunks_matched < job.chunks:
            if await self._retromatch.are_matched([batch.version]):
                await self._note_orders(job, batch, added)
            else:
                await polling.pause()
            _, progress = await self._get(job.id)

    async def _note_orders(self, job: ImportJob, batch: Batch, added: int) -> None:
        """Note the orders that followed from a batch, and those that known entries had led to before."""
        ids: dict[str, None] = {}
        async for found in self._retromatch.order_pieces(batch.version):
            ids |= dict.fromkeys(found)
        if added < job.total:
            known = [each async for each in self._batches.earlier_orders(job, self._orders)]
            await self._jobs.note_earlier(job.id, [each for each in known if each not in ids])
            ids |= dict.fromkeys(known)
        await self._jobs.note_matched(job.id, 0, added, 0, list(ids))

    async def _withdraw_all(self, job_id: str) -> None:
        """Take off the list what the file withdraws. A step that is done once more finds nothing to take off."""
        job, progress = await self._get(job_id)
        while progress.withdrawal_chunks < job.withdrawal_chunks:
            await self._withdraw(job, await self._jobs.withdrawals(job, progress.withdrawal_chunks))
            await self._jobs.note_withdrawn(job_id, progress.withdrawal_chunks, await self._withdrawn(job))
            job, progress = await self._get(job_id)
        while progress.source_chunks < job.source_chunks:
            await self._withdraw_sources(job, progress.source_chunks)
            await self._jobs.note_withdrawn(job_id, progress.source_chunks, await self._withdrawn(job), "source_chunks")
            job, progress = await self._get(job_id)

    async def _withdrawn(self, job: ImportJob) -> int:
        """How many entries it has taken off, whichever controller did."""
        return (await self._list_store.acts.get(job.id)).withdrawn

    async def _withdraw(self, job: ImportJob, ids: Iterable[str]) -> None:
        # The batch has taken its part off; most of what is left is not listed by itself.
        ids = self._batches.single(job, ids) if job.is_batch else ids
        for some in batched(ids, CHUNK_SIZE):
            await self._withdrawals.withdraw(job.list, some, job.by, job.reason, job.id)
            await self._get(job.id)

    async def _withdraw_sources(self, job: ImportJob, number: int) -> None:
        """Take off every entry that has one of a chunk of source ids, unless the file lists it after all."""
        found: list[str] = []
        async for some in self._withdrawals.of_sources(job.list, set(await self._jobs.sources(job, number)), job.id):
            found += [each.id for each in some]
            if len(found) >= FOUND_PER_CALL:
                await self._withdraw_found(job, found)
                found = []
        await self._withdraw_found(job, found)

    async def _withdraw_found(self, job: ImportJob, found: Collection[str]) -> None:
        listed = await (self._batches if job.is_batch else self._jobs).lists_any(job, found)
        await self._withdraw(job, [each for each in found if each not in listed])

    async def _wait_lost_purges(self, job_id: str) -> None:
        polling = Polling(*POLL_SECONDS)
        while await self._retromatch.lost_purges.is_due((await self._get(job_id))[0].list):
            await polling.pause()

    async def _list_next_chunk(self, job: ImportJob, progress: ImportProgress) -> None:
        """Raises _NoRoom if the store is full and stays so."""
        polling, deadline = Polling(*POLL_SECONDS), time.monotonic() + FULL_SECONDS
        while True:
            try:
                await self._list_chunk(job, progress.chunks_listed)
            except STORE_FULL as error:
                if time.monotonic() > deadline:
                    raise _NoRoom(job, progress) from error
            else:
                return
            await polling.pause()

    async def _list_chunk(self, job: ImportJob, number: int) -> None:
        entries = await self._jobs.chunk(job, number)
        require_judged(job.policy, await self._list_store.get_list(job.list))
        version_before, is_first = await self._jobs.begin(job.id, number, await self._list_store.version())
        changes = await self._list_store.add_entries(entries, job.by, job.reason, job.id)
        if not is_first:
            # A controller that died may have added some of them, which are no changes of this call.
            changes = await self._changes_of(job.id, entries, version_before)
        if job.purge_again:
            added = {change.entry.id for change in changes if change.entry}
            known = [entry.id for entry in entries if entry.id not in added]
            if is_first:
                # What they led to before is no purge of this import.
                await self._jobs.note_earlier(job.id, await self._orders.ids_of_entries(known))
            await self._jobs.list_again(job, known)
        await self._jobs.note_listed(job.id, number, [change.version for change in changes])

    async def _changes_of(self, job_id: str, entries: list[Entry], version: int) -> list[Change]:
        """The changes after `version` that added these very entries, whichever controller made them."""
        by_id = {entry.id: entry for entry in entries}
        found: list[Change] = []
        while changes := await self._list_store.changes(version, CHANGES_PER_CALL):
            found += [change for change in changes if change.op == "entry.add" and _is_of(job_id, change.entry, by_id)]
            version = changes[-1].version
        return found

    async def _collect_orders(self, job: ImportJob, progress: ImportProgress, noted: set[str]) -> bool:
        """Note the orders of the next chunk that is matched against all sightings. False: there is none yet.

        Those in `noted` are left out; the others are added to it.
        """
        if progress.chunks_matched == progress.chunks_listed:
            return False
        versions = await self._jobs.versions(job.id, progress.chunks_matched)
        if await self._retromatch.version() < max(versions[-1] if versions else 0, progress.again):
            return False
        found = await self._retromatch.orders_of_each(versions)
        ids = dict.fromkeys(order_id for some in found for order_id in some or ())
        entries = await self._jobs.chunk(job, progress.chunks_matched)
        if len(versions) < len(entries):
            # Some were on the list before: a cache may still owe orders that followed from them.
            known = dict.fromkeys(await self._orders.ids_of_entries([entry.id for entry in entries]))
            if not job.purge_again:
                await self._jobs.note_earlier(job.id, [each for each in known if each not in {*ids, *noted}])
            ids |= known
        new = [order_id for order_id in ids if order_id not in noted]
        await self._jobs.note_matched(job.id, progress.chunks_matched, len(versions), progress.orders, new)
        noted.update(new)
        return True


def _is_of(job_id: str, added: Entry | None, by_id: Mapping[str, Entry]) -> bool:
    """Whether an added entry is the job's: equal with its time and author, as another import may have added the same
    signal. An older Edgeward did not record the job as the act."""
    if added is None or added.act not in ("", job_id):
        return False
    return replace(added, act=job_id) == by_id.get(added.id)

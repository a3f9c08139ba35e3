"""Carries out undos: takes back all that one act listed, single entries some at a time and each batch in one step, and
puts back what it withdrew.

An undo is a durable job under the id of its act. If a controller dies, another goes on with what is left.
"""

import asyncio
import json
import logging
from dataclasses import replace

from edgeward.background.job_store import JobStore
from edgeward.background.job_worker import JobWorker
from edgeward.errors import NotFound
from edgeward.lists.acts import MAX_REPORTED, Act
from edgeward.lists.audit_trail import request_from, request_origin
from edgeward.lists.batches.batch_store import BatchesChanged, Undone
from edgeward.lists.list_store import UNDO_CHUNK_SIZE, ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.matching.batches.row_sets import entries_of_signals
from edgeward.store.connection import Store
from edgeward.types import Entry
from edgeward.types.later_releases import check_version

logger = logging.getLogger(__name__)

APPLY_SECONDS = 10.0
"""How long an undo waits for the live lists of this process to have its first steps."""
MAX_CONCURRENT = 16
"""Undos that one controller carries out at the same time."""


class UndoWorker(JobWorker):
    """The undo worker of one controller."""

    def __init__(self, store: Store, list_store: ListStore, replica: Replica) -> None:
        self._jobs = JobStore(store, "undos", "undo", "undo")
        super().__init__("undos", self._jobs, MAX_CONCURRENT, metric_label="undos")
        self._list_store, self._replica, self._clock = list_store, replica, store.clock

    async def begin(self, act_id: str, who: str, why: str) -> None:
        """Record durably that an act is to be undone, and begin. Asked for twice, it is one undo."""
        job = json.dumps({"by": who, "why": why, "from": request_origin()}, separators=(",", ":"))
        await self._jobs.create(act_id, job, self._clock.now())
        self.wake()

    async def carry_out(self, job_id: str) -> None:
        """Take back what is left of an act. The job's id is the act's."""
        try:
            job = json.loads((await self._jobs.get(job_id)).job)
            check_version(job, "an undo")
            act = replace(await self._list_store.acts.get(job_id), undone_by=job["by"], undone_why=job["why"])
        except NotFound:
            # It has expired, and only its id is left.
            await self._jobs.forget(job_id)
            return
        cursor, more = 0, not act.done_at
        with request_from(job.get("from", "")):
            while more:
                more, cursor = await self._list_store.undo_some(act, cursor, await self._in_batches(act))
            while not act.done_at and await self._list_store.withdrawals.put_back_some(act):
                pass
            while not act.done_at and await self._undo_batch(act):
                pass
        # Durable: if the job were carried out once more, it would find that.
        await self._list_store.acts.finish_undo(act.id)
        await self._jobs.forget(job_id)

    async def _in_batches(self, act: Act) -> dict[str, Entry]:
        """By id, those of the entries that the next step takes back which batches list too."""
        matcher = self._replica.matcher
        state, single = matcher.batches(act.list).state, matcher.single_entries(act.list)
        if not state.counts.total():
            return {}
        ids = await self._list_store.acts.next_added(act.id, UNDO_CHUNK_SIZE)
        signals = [entry.signal for id_ in ids if (entry := single.get(id_))]
        found = await asyncio.to_thread(entries_of_signals, state, signals)
        return {entry.id: entry for entry in found if entry.act != act.id}

    async def _undo_batch(self, act: Act) -> bool:
        """Undo the last batch of an act that is not undone, in one step. Returns whether there may be others."""
        batches = self._list_store.batches
        stored = await batches.get(act.list)
        own = [batch for batch in stored.batches if batch.act == act.id and not batch.undone]
        if not own:
            return False
        # Its single entries, which have been taken back, are not among those that stay.
        version = (await self._list_store.acts.get(act.id)).version
        await self._replica.wait_version(version, APPLY_SECONDS)
        singles = list(self._replica.matcher.single_entries(act.list).values())
        effect = await self._replica.batch_states.effect_of_undo(stored, own[-1], singles, MAX_REPORTED)
        done = Undone(effect.removed, effect.kept, effect.restored, effect.fates)
        try:
            await batches.undo(act, own[-1].id, stored.last, done)
        except BatchesChanged:
            logger.info("the batches of a list changed while an undo was computed: trying again")
        return True

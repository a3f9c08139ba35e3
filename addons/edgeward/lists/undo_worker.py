"""Carries out undos: takes back all that one act listed, some entries at a time, and puts back what it withdrew.

An undo is a durable job under the id of its act. If a controller dies, another goes on with what is left.
"""

import json
from dataclasses import replace

from edgeward.background.job_store import JobStore
from edgeward.background.job_worker import JobWorker
from edgeward.errors import NotFound
from edgeward.lists.audit_trail import request_from, request_origin
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types.later_releases import check_version

MAX_CONCURRENT = 16
"""Undos that one controller carries out at the same time."""


class UndoWorker(JobWorker):
    """The undo worker of one controller."""

    def __init__(self, store: Store, list_store: ListStore) -> None:
        self._jobs = JobStore(store, "undos", "undo", "undo")
        super().__init__("undos", self._jobs, MAX_CONCURRENT, metric_label="undos")
        self._list_store, self._clock = list_store, store.clock

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
                more, cursor = await self._list_store.undo_some(act, cursor)
            while not act.done_at and await self._list_store.withdrawals.put_back_some(act):
                pass
        # Durable: if the job were carried out once more, it would find that.
        await self._list_store.acts.finish_undo(act.id)
        await self._jobs.forget(job_id)

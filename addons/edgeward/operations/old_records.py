"""Forgets records that are old: finished imports, undone acts and batches, the entries of deleted allowlists, how far
retromatching has come. Moves the audit trail of earlier days into its archive, and forgets it after audit.keep_days.

None of them expires: if the store's clock were set forwards, they would go at once, and with them what is owed or what
a receipt says. Nothing is removed while clocks are not to be trusted; see `ScheduleClock.refusal`.
"""

from edgeward.background.worker_loop import WorkerLoop
from edgeward.imports.import_jobs import KEEP_SECONDS as KEEP_IMPORTS_SECONDS
from edgeward.imports.import_jobs import ImportJobs
from edgeward.lists.acts import KEEP_SECONDS as KEEP_ACTS_SECONDS
from edgeward.lists.audit_trail import AuditTrail
from edgeward.lists.deleted_allowlists import KEEP_SECONDS as KEEP_DELETED_SECONDS
from edgeward.lists.held_changes import HeldChanges
from edgeward.lists.list_store import ListStore
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.retromatch.worker import RetromatchWorker
from edgeward.takedowns.takedowns import Takedowns

FORGET_SECONDS = 3600.0
"""How often they are looked for."""
DAY_SECONDS = 86400.0
RETRY_SECONDS = (5.0, 600.0)
"""Pause after a look that failed: the first, and the longest."""


class OldRecords:
    """Looks for old records every FORGET_SECONDS, in a controller."""

    def __init__(
        self,
        clock: ScheduleClock,
        list_store: ListStore,
        import_jobs: ImportJobs,
        held_changes: HeldChanges,
        takedowns: Takedowns,
        retromatch: RetromatchWorker,
        audit_trail: AuditTrail,
        keep_audit_days: float,
    ) -> None:
        self._clock, self._list_store, self._retromatch = clock, list_store, retromatch
        self._import_jobs, self._held_changes, self._takedowns = import_jobs, held_changes, takedowns
        self._audit_trail, self._keep_audit_seconds = audit_trail, keep_audit_days * DAY_SECONDS
        self._loop = WorkerLoop(
            "old records",
            self.forget_old,
            metric_label="store_watch",
            retry_seconds=RETRY_SECONDS,
            pause_seconds=FORGET_SECONDS,
        )

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def forget_old(self) -> None:
        """Forget them once. Raises STORE_AWAY."""
        if not await self._clock.may_trim():
            return
        now = self._clock.store_time()
        await self._import_jobs.forget_before(now - KEEP_IMPORTS_SECONDS)
        await self._held_changes.forget_before(now - KEEP_IMPORTS_SECONDS)
        await self._list_store.acts.forget_undone(now - KEEP_ACTS_SECONDS)
        for each in await self._list_store.lists():
            await self._list_store.batches.drop_undone(each.name)
        # They are read to tell what an entry was, and what differs between versions.
        await self._list_store.batches.forget_old(now - self._keep_audit_seconds)
        if await self._retromatch.owes_nothing():
            await self._list_store.deleted.forget(now - KEEP_DELETED_SECONDS)
        # They collect the orders of their versions.
        if not (await self._import_jobs.job_store.count_open() or await self._takedowns.job_store.count_open()):
            await self._retromatch.forget_old(now)
        # What is not retromatched is still owed, and is read from the stream.
        await self._list_store.archive.move(now - DAY_SECONDS, f"{await self._retromatch.version()}-0")
        await self._audit_trail.archive.move(now - DAY_SECONDS)
        for archive in (self._list_store.archive, self._audit_trail.archive):
            await archive.forget(now - self._keep_audit_seconds)

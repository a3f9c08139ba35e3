"""The membership of this process's replica: what it does besides its heartbeats, for all of its machine."""

import contextlib
import logging
from typing import Any

from edgeward import metrics
from edgeward.lists.replication import freshness
from edgeward.lists.replication.lock_files import LOCKS_DIRECTORY, LockFiles
from edgeward.lists.replication.membership import Membership, StoreHistory
from edgeward.lists.replication.store_clock import StoreClock
from edgeward.lists.replication.store_loss import AppliedListsFile
from edgeward.store.connection import STORE_AWAY, Store

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""Time between two looks for processes of this machine that have ended."""
STEP_SECONDS = 1.0
"""Least step of the store's clock that is told."""


class OwnMembership(Membership):
    """The same for one replica. With its heartbeats it says which processes of this machine were killed, and it watches
    the store's clock.

    Args:
        file: in state_dir, where this machine records what its processes did; None: nowhere.
    """

    def __init__(self, store: Store, file: AppliedListsFile | None) -> None:
        super().__init__(store)
        self._lock_files = LockFiles(file.directory / LOCKS_DIRECTORY) if file else None
        self._clock = StoreClock()
        self._next_look = 0.0
        self._ended: set[str] = set()

    async def heartbeat(self, name: str, *args: Any, **fields: Any) -> StoreHistory:
        """As Membership.heartbeat."""
        if self._lock_files is not None:
            # Before it is on record: whoever is must be known to have ended if it is killed.
            self._lock_files.acquire(name)
        sent = freshness.now()
        history = await super().heartbeat(name, *args, **fields)
        received = freshness.now()
        step = self._clock.step(history.store_time, sent, received)
        if abs(step) > STEP_SECONDS:
            metrics.store_clock_steps.inc()
            logger.warning("the store's clock was stepped by %+.1f s, or another server took over", step)
            await self.note_clock_step(step, history.store_time)
        if self._lock_files is not None and received >= self._next_look:
            await self._note_ended(self._lock_files)
            self._next_look = received + LOOK_SECONDS
        return history

    async def _note_ended(self, lock_files: LockFiles) -> None:
        """Processes of this machine that were killed serve nothing any more."""
        ended = lock_files.ended()
        if ended:
            await self.note_ended(ended)
        for name in ended:
            # Twice: its last heartbeat may have been on its way until now.
            if name in self._ended:
                lock_files.delete(name)
            else:
                logger.info("%s was killed: it is not waited for any more", name)
        self._ended = set(ended) - self._ended

    async def leave(self, name: str, under_way: int = 0) -> None:
        """As Membership.leave. If the store is away, others of this machine will say that it has ended."""
        left = False
        with contextlib.suppress(*STORE_AWAY):
            await super().leave(name, under_way)
            left = True
        if self._lock_files is not None:
            self._lock_files.release(delete=left)

"""The membership of this process's replica: what it does besides its heartbeats, for all of its machine."""

import contextlib
import logging
from typing import Any

from edgeward import metrics
from edgeward.lists.replication import freshness
from edgeward.lists.replication.known_members import KnownMembers
from edgeward.lists.replication.lock_files import LOCKS_DIRECTORY, LockFiles
from edgeward.lists.replication.membership import Laggards, Membership, RecordLost, StoreHistory
from edgeward.lists.replication.store_clock import StoreClock
from edgeward.lists.replication.store_loss import AppliedListsFile
from edgeward.store.connection import STORE_AWAY, Store

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""Time between two looks at the processes of this machine."""
STEP_SECONDS = 1.0
"""Least step of the store's clock that is told."""
NO_JOURNAL = "-"
UNKNOWN_JOURNAL = "?"


class OwnMembership(Membership):
    """The same for one replica. With its heartbeats it says which processes of this machine were killed, and it watches
    the store's clock. It remembers who is on record: a store that was restored from an older copy may not know them.

    Args:
        file: in state_dir, where this machine records what its processes did; None: nowhere.
    """

    def __init__(self, store: Store, file: AppliedListsFile | None) -> None:
        super().__init__(store)
        self._lock_files = LockFiles(file.directory / LOCKS_DIRECTORY) if file else None
        self._clock = StoreClock()
        self._next_look = 0.0
        self._ended: set[str] = set()
        self._name = self._answered_clock = ""
        self._known = KnownMembers(file.directory if file else None)

    async def heartbeat(self, name: str, *args: Any, **fields: Any) -> StoreHistory:
        """As Membership.heartbeat. If the store has lost the last one, those that it may not know any more are put on
        record before this one is: who asks then is told of them."""
        if self._lock_files is not None:
            # Before it is on record: whoever is must be known to have ended if it is killed.
            self._lock_files.acquire(name)
        sent = freshness.now()
        self._name = name
        try:
            history = await super().heartbeat(name, *args, **{**fields, "clock": self._answered_clock})
        except RecordLost:
            await self._restore_known(name)
            sent = freshness.now()
            history = await super().heartbeat(name, *args, **fields)
        self._answered_clock = history.clock
        received = freshness.now()
        step = self._clock.step(history.store_time, sent, received)
        if abs(step) > STEP_SECONDS:
            metrics.store_clock_steps.inc()
            logger.warning("the store's clock was stepped by %+.1f s, or another server took over", step)
            await self.note_clock_step(step, history.store_time)
        await self._learn(name, history)
        if self._lock_files is not None and received >= self._next_look:
            await self._look(self._lock_files)
            self._known.write(float(history.clock))
            self._next_look = received + LOOK_SECONDS
        return history

    async def laggards(self, version: int, flush_request: int = 0, asker: str = "", clock: str = "") -> Laggards:
        """As Membership.laggards, asked by this replica."""
        return await super().laggards(version, flush_request, asker or self._name, clock or self._answered_clock)

    async def _learn(self, name: str, history: StoreHistory) -> None:
        """Read who is on record, if that has changed; and at first compare it with what this machine knew."""
        is_first = self._known.comings < 0
        if is_first and float(history.clock) < self._known.clock:
            await self._restore_known(name)
            is_first = True
        if is_first or history.comings != self._known.comings:
            self._known.update(await self.journals(), history.comings, float(history.clock))

    async def _restore_known(self, name: str) -> None:
        """The store has an older state than this machine has seen: it may not know of some who may still serve."""
        self._known.comings, self._next_look = -1, 0.0
        # Not again by `_learn`: its clock is that of the older state.
        self._known.clock = 0.0
        others = {each: journal for each, journal in self._known.journals.items() if each != name}
        await self._restore(others, "the store has an older state: it was restored, or another server took over")
        await self.note_restored()

    async def _restore(self, journals: dict[str, str], why: str) -> None:
        restored = await self.restore(journals) if journals else []
        if restored:
            logger.warning("%s; put on record again, until they are heard from: %s", why, ", ".join(restored))

    async def _look(self, lock_files: LockFiles) -> None:
        """Processes of this machine that were killed serve nothing any more. Those that live may serve, whether the
        store knows of them or not."""
        survey = lock_files.survey()
        if survey.ended:
            await self.note_ended(survey.ended)
        for name in survey.ended:
            # Twice: its last heartbeat may have been on its way until now.
            if name in self._ended:
                lock_files.delete(name)
            else:
                logger.info("%s was killed: it is not waited for any more", name)
        self._ended = set(survey.ended) - self._ended
        # Only workers have a journal.
        living = {name: UNKNOWN_JOURNAL if "/proxy/" in name else NO_JOURNAL for name in survey.living}
        await self._restore(living, "processes of this machine live that the store does not know")

    async def leave(self, name: str, under_way: int = 0) -> None:
        """As Membership.leave. If the store is away, others of this machine will say that it has ended."""
        left = False
        with contextlib.suppress(*STORE_AWAY):
            await super().leave(name, under_way)
            left = True
        if self._lock_files is not None:
            self._lock_files.release(delete=left)

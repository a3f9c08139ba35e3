"""Watches the store of a controller: whether it may drop lists by eviction, takes changes, needs a later release, and
how many processes are not heard from."""

import asyncio
from collections.abc import Sequence

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.errors import LaterRelease
from edgeward.lists.replication.membership import Membership
from edgeward.store.condition import StoreProblem, problems_of
from edgeward.store.connection import Store

WATCH_SECONDS = 5.0
RETRY_SECONDS = 5.0


class StoreWatch:
    """Reads the state of the store every WATCH_SECONDS.

    Attributes:
        problems: what was wrong at the last look; empty before the first.
        refused: set when the store needs a later release: then this controller must end. `refusal` says why.
    """

    def __init__(self, store: Store) -> None:
        self.problems: Sequence[StoreProblem] = ()
        self.refused = asyncio.Event()
        self.refusal = ""
        self._store, self._membership = store, Membership(store)
        self._loop = WorkerLoop(
            "store watch", self.look, metric_label="store_watch", retry_seconds=RETRY_SECONDS,
            pause_seconds=WATCH_SECONDS,
        )  # fmt: skip

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    @property
    def loading(self) -> str:
        """How far the store has loaded its data, as a sentence; "" if it is not loading."""
        return next((problem.detail for problem in self.problems if problem.check == "loading"), "")

    async def look(self) -> None:
        """Read the state once."""
        # First: a server that is loading, a replica or full answers this, and may answer nothing of the rest.
        self.problems = problems_of(await self._store.info())
        metrics.store_evicts.set(any(problem.evicts for problem in self.problems))
        metrics.store_refuses_writes.set(any(problem.refuses_writes for problem in self.problems))
        if self.loading:
            return
        try:
            await self._store.claim_layout()
        except LaterRelease as error:
            self.refusal = str(error)
            self.refused.set()
            return
        metrics.silent_processes.set(len(await self._membership.silent_replicas()))

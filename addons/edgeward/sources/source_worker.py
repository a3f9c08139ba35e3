"""Pulls each source when it is due, in one of the controllers that have it in their settings."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.operations.services import Services
from edgeward.sources.configured_sources import configured_sources, feedback_programmes, fetcher_of
from edgeward.sources.feedback_sender import FeedbackSender
from edgeward.sources.pull import SourcePuller
from edgeward.sources.source_reports import is_stale
from edgeward.sources.source_states import PullRequest, SourceState, SourceStates

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""How often leases are renewed and due sources are looked for. Several times within LEASE_SECONDS."""
MAX_CONCURRENT = 2
"""Sources that one controller pulls at the same time."""


class SourceWorker:
    """The sources of one controller.

    Args:
        holder: its name among the controllers of the store.
    """

    def __init__(self, services: Services, holder: str) -> None:
        self._services = services
        self._sources = configured_sources(services.config)
        self._states = SourceStates(services.store, holder)
        directory, now = services.config.state_dir.absolute(), services.store.clock.now
        self._pullers = {
            name: SourcePuller(services, settings, fetcher_of(settings, directory, now), self._states)
            for name, settings in self._sources.items()
        }
        self._senders = {
            name: FeedbackSender(services, name, programme)
            for name, programme in feedback_programmes(services.config).items()
        }
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._held: set[str] = set()
        self._loop = WorkerLoop(
            "sources", self.look, metric_label="sources", retry_seconds=TICK_SECONDS, pause_seconds=TICK_SECONDS
        )

    async def start(self) -> None:
        if self._sources:
            await self._loop.start()

    async def close(self) -> None:
        """Stop. Pulls under way are given up, and another controller begins them anew at once."""
        await self._loop.close()
        tasks = [*self._tasks.values(), *self._sending.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._held:
            try:
                await self._states.release(self._held)
            except Exception as error:  # noqa: BLE001  the leases end by themselves; what failed is counted and logged
                self._loop.report_failure(error, "the leases end by themselves")

    async def look(self) -> None:
        """Renew the leases, and begin what is due. Raises STORE_AWAY."""
        names = [*self._sources]
        self._held = await self._states.claim(names)
        for name, task in [*self._tasks.items(), *self._sending.items()]:
            if name not in self._held:
                task.cancel()
        # Before the states are read: a pull that ends meanwhile writes a newer one.
        idle = self._held - self._tasks.keys()
        states, asked = await self._states.read(names), await self._states.asked(names)
        now = self._services.store.clock.now()
        for name, state in states.items():
            metrics.source_age_seconds.labels(name).set(state.age(now))
            metrics.source_stale.labels(name).set(is_stale(self._sources[name], state, now))
            if name in idle:
                await self._step(name, state, asked.get(name), now)
        for name in (self._held & self._senders.keys()) - self._sending.keys():
            if feedback := await self._senders[name].due():
                self._begin(self._sending, name, self._senders[name].send(feedback), "the feedback is sent again")

    async def _step(self, name: str, state: SourceState, asked: PullRequest | None, now: float) -> None:
        puller = self._pullers[name]
        if not state.since:
            state = replace(state, since=now)
        if state.job:
            await puller.follow(state)
        elif (asked or puller.is_due(state, now)) and len(self._tasks) < MAX_CONCURRENT:
            if asked:
                await self._states.answered(name)
            self._begin(self._tasks, name, puller.pull(state, asked), "the source is pulled again")

    def _begin(
        self, tasks: dict[str, asyncio.Task[None]], name: str, work: Coroutine[None, None, None], then: str
    ) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001  a defect in one source must not touch the others: it is counted
                self._loop.report_failure(error, then)
            finally:
                del tasks[name]
                self._loop.wake()

        tasks[name] = asyncio.create_task(guarded(), name=f"source {name}")

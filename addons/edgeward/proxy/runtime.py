"""A proxy worker's parts, put together: what the gate needs, started and closed in order."""

import logging
import os
import socket
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from edgeward.blocklist.replica import Replica
from edgeward.cache_settings import tag_headers
from edgeward.classifying.claims import Claims
from edgeward.classifying.desk import Desk
from edgeward.classifying.registry import version
from edgeward.config import ClassifierSettings, Config
from edgeward.errors import StoreUnavailable
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.matching.matcher import Matcher
from edgeward.proxy.gate import EdgewardGate
from edgeward.proxy.journal import Journal
from edgeward.proxy.judge import Judge
from edgeward.proxy.loose_ends import LooseEnds
from edgeward.proxy.refetch import Refetcher
from edgeward.store.connection import Store
from edgeward.takedown.incidents import Incidents
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.recorder import Recorder
from edgeward.takedown.seen.sightings import Sightings
from edgeward.takedown.sweep.queue import SweepQueue
from edgeward.takedown.sweep.reporter import ServedReporter

logger = logging.getLogger(__name__)


class Runtime:
    """`async with Runtime(config) as runtime`: runtime.gate is ready to be added to a mitmproxy Master.

    A `patient` one, restarted by the supervisor, starts without the store too: it is not ready until the lists are
    loaded, and answers by policy.not_ready instead of keeping clients waiting.

    Raises:
        StoreUnavailable: the store can't be reached, and the worker is not patient.
    """

    gate: EdgewardGate
    replica: Replica

    def __init__(self, config: Config, patient: bool = False) -> None:
        self._config, self._patient = config, patient
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def _start(self, stack: AsyncExitStack) -> None:
        config = self._config
        store = await self._store()
        stack.push_async_callback(store.close)
        self.replica = Replica(store, replica_name(), Matcher(config.hashing.min_quality, config.hashing.signals))
        pool = HasherPool(config.hashing)
        refetcher = Refetcher(config.proxy.upstream, config.hashing.max_bytes, config.hashing.data_uris)
        sightings = Sightings(store, config.sightings)
        tags = bool(tag_headers(config.caches))
        recorder = Recorder(sightings, Orders(store), self.replica, config.sightings, Incidents(store), tags)
        self.replica.before_report = recorder.flush
        judge = Judge(config, self.replica, pool, sightings)
        served = ServedReporter(SweepQueue(store), config.sweep) if config.sweep.enabled else None
        desks = [self._desk(settings, store, recorder) for settings in config.classifiers]
        for part in (pool, self.replica, recorder, *([served] if served else ()), *desks):
            await part.start()
            stack.push_async_callback(part.close)
        stack.push_async_callback(judge.close)
        journal = Journal(config.state_dir.absolute() / "under-way", config.proxy.upstream)
        loose = LooseEnds(journal, judge, recorder, refetcher)
        await loose.start()
        stack.push_async_callback(loose.close)
        self.gate = EdgewardGate(config, judge, recorder, refetcher, loose, served=served, desks=desks)

    def _desk(self, settings: ClassifierSettings, store: Store, recorder: Recorder) -> Desk:
        claims = Claims(store, settings.name, version(settings.name), self._config.sightings.keep_days)
        return Desk(settings, self._config.hashing, claims, recorder.classified)

    async def _store(self) -> Store:
        settings = self._config.store
        try:
            return await Store.connect(
                self._config.store_url, settings.namespace, settings.timeout_ms, settings.replicas
            )
        except StoreUnavailable as error:
            if not self._patient:
                raise
            logger.warning("starting without the store: %s", error)
            return Store(self._config.store_url, settings.namespace, settings.timeout_ms, settings.replicas)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def replica_name() -> str:
    """Names this process among all that share the store."""
    return f"{socket.gethostname()}/{os.getpid()}"

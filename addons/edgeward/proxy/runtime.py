"""A proxy worker's parts, put together: all that the gate needs, started and closed in order."""

import logging
import os
import socket
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from edgeward.background.clock_watch import ClockWatch
from edgeward.classifying.claims import Claims
from edgeward.classifying.classifier_queue import ClassifierQueue
from edgeward.classifying.classifier_registry import version
from edgeward.errors import StoreUnavailable
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.incidents import Incidents
from edgeward.lists.replication.replica import Replica
from edgeward.lists.replication.store_loss import APPLIED_LISTS_FILE, AppliedListsFile
from edgeward.matching.batches.batch_files import BATCHES_DIRECTORY, BatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.origin_check.queue import sweep_queue
from edgeward.origin_check.served_reporter import ServedReporter
from edgeward.proxy.body_memory import BodyMemory
from edgeward.proxy.gate import EdgewardGate
from edgeward.proxy.journal import Journal
from edgeward.proxy.judge import Judge
from edgeward.proxy.lost_hosts_file import LostHostsFile
from edgeward.proxy.recorder import Recorder
from edgeward.proxy.refetch import SLOW_BODY_SECONDS, Refetcher
from edgeward.proxy.request_repeater import RequestRepeater
from edgeward.proxy.target_cache import TargetCache
from edgeward.proxy.unanswered import origin_seconds, unanswered_in
from edgeward.proxy.unjudged_requests import UnjudgedRequests
from edgeward.proxy.upstream_contact import UpstreamContact
from edgeward.purging.orders import Orders
from edgeward.settings.cache_settings import tag_headers
from edgeward.settings.config import ClassifierSettings, Config
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store

logger = logging.getLogger(__name__)


LISTS_SECONDS = 2.0
"""How long a worker waits for long lists before it serves. policy.not_ready decides about images until they are
loaded."""


class Runtime:
    """`async with Runtime(config) as runtime`: runtime.gate is ready to be added to a mitmproxy Master.

    Args:
        patient: start without the store too. Under the supervisor, a worker that restarts while the store is away
            decides by policy.not_ready until the lists are loaded, rather than refuse connections.

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
        # The stack closes in reverse order: the store after all that writes to it.
        store = await self._connect()
        stack.push_async_callback(store.close)
        clock_watch = ClockWatch(store)
        await clock_watch.start()
        stack.push_async_callback(clock_watch.close)
        self.replica = _replica(config, store)
        pool = HasherPool(config.hashing)
        memory = BodyMemory(config.proxy.body_memory_mb * 2**20, config.proxy.idle_seconds)
        refetcher = Refetcher(config.proxy.upstream, config.hashing.max_bytes, config.hashing.data_uris, memory)
        sightings = Sightings(store, config.sightings)
        self.replica.membership.remember_loss = sightings.forgotten.remember_store_loss
        tags = bool(tag_headers(config.caches))
        lost_hosts = LostHostsFile(config.state_dir.absolute() / "lost-hosts")
        recorder = Recorder(
            sightings,
            Orders(store),
            self.replica,
            config.sightings,
            Incidents(store, sightings.memory),
            tags,
            lost_hosts,
            [cache.name for cache in config.caches],
        )
        # A version is reported as applied when all sightings by older ones are written: then retromatching finds them.
        self.replica.before_report = recorder.flush
        judge = Judge(config, self.replica, pool, sightings)
        served = ServedReporter(sweep_queue(config, store), config.sweep) if config.sweep.enabled else None
        if served is not None:
            self.replica.on_store_loss.append(served.forget_reported)
        classifier_queues = [self._classifier_queue(settings, store, recorder) for settings in config.classifiers]
        cache = TargetCache()
        unjudged = self._unjudged_requests(judge, recorder, cache, memory)
        # Before this process counts as a replica: it reports what a killed worker left from its first heartbeat on.
        unjudged.take_over()
        self.replica.settle = lambda: unjudged.settle(self.replica.flush_version)
        self.replica.unjudged = unjudged.report
        for part in (pool, memory, self.replica, recorder, *([served] if served else ()), *classifier_queues):
            await part.start()
            stack.push_async_callback(part.close)
        stack.push_async_callback(judge.close)
        await unjudged.start()
        stack.push_async_callback(unjudged.close)
        self.gate = EdgewardGate(
            config,
            judge,
            recorder,
            refetcher,
            unjudged,
            cache,
            served=served,
            classifier_queues=classifier_queues,
            memory=memory,
        )

    def _unjudged_requests(
        self, judge: Judge, recorder: Recorder, cache: TargetCache, memory: BodyMemory
    ) -> UnjudgedRequests:
        config = self._config
        journal = Journal(config.state_dir.absolute() / "under-way", config.proxy.upstream)
        # Nobody waits for these: a body may come as slowly as the one that the cache goes on fetching.
        patient = Refetcher(
            config.proxy.upstream, config.hashing.max_bytes, config.hashing.data_uris, memory, SLOW_BODY_SECONDS
        )
        in_front = config.proxy.placement == "front"
        repeater = RequestRepeater(judge, recorder, patient, cache, in_front=in_front, caches=config.caches)
        contact = UpstreamContact(patient)
        return UnjudgedRequests(journal, recorder, repeater, contact, unanswered_in(config), origin_seconds(config))

    def _classifier_queue(self, settings: ClassifierSettings, store: Store, recorder: Recorder) -> ClassifierQueue:
        claims = Claims(store, settings.name, version(settings.name), self._config.sightings.keep_days)
        return ClassifierQueue(settings, self._config.hashing, claims, recorder.report_classification)

    async def _connect(self) -> Store:
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
    """Unique among the processes that share the store."""
    return f"{socket.gethostname()}/proxy/{os.getpid()}"


def _replica(config: Config, store: Store) -> Replica:
    """The copy of the lists, with the files that all processes of this machine share."""
    state_dir = config.state_dir.absolute()
    matcher = Matcher(config.hashing.min_quality, config.hashing.signals)
    applied_lists = AppliedListsFile(state_dir / APPLIED_LISTS_FILE)
    batch_files = BatchFiles(state_dir / BATCHES_DIRECTORY)
    replica = Replica(store, replica_name(), matcher, applied_lists, batch_files)
    replica.start_seconds = LISTS_SECONDS
    return replica

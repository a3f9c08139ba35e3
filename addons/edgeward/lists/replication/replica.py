"""The copy of the lists that every process holds in memory and matches against.

A replica sends a heartbeat (membership.py) before it loads the lists. Then it follows the stream of changes, and
reports each version at once after applying it. So when no live replica lags behind a version, no process lets a
response through by older lists.

What can go wrong, and what then happens:

- The store is unavailable: the replica keeps its lists and retries for ever; it is not current (freshness.py).
- Its position in the stream was trimmed: it loads the lists again, and is not ready meanwhile.
- The store lost data (store_loss.py): the replica keeps what it has, adds what the store has, and logs an error. `loss`
  says what the store lacks, until it is restored from memory (refill.py) or the loss is accepted.
- A replica that starts while the store lacks what this machine had applied does not become ready.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence

from edgeward import metrics
from edgeward.background.outage_log import OutageLog
from edgeward.background.worker_loop import WorkerLoop
from edgeward.errors import Unavailable
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.applied_version import AppliedVersionReport
from edgeward.lists.replication.batch_preparation import BatchPreparation
from edgeward.lists.replication.batch_refill import BatchRefill
from edgeward.lists.replication.batch_states import BatchStates
from edgeward.lists.replication.freshness import Freshness, now
from edgeward.lists.replication.matcher_updates import MatcherUpdates
from edgeward.lists.replication.membership import (
    DIVERGED,
    HEARTBEAT_SECONDS,
    LOADING,
    StoreHistory,
    flush_request_id,
)
from edgeward.lists.replication.own_membership import OwnMembership
from edgeward.lists.replication.refill_offer import RefillOffer
from edgeward.lists.replication.store_loss import REFILLED, AppliedListsFile, StoreLoss, StoreLossWatch
from edgeward.lists.replication.stream_reader import StreamReader
from edgeward.lists.replication.unjudged_report import UnjudgedReport
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.types import Change

logger = logging.getLogger(__name__)

CHANGES_PER_READ = 250
"""Changes applied per slice: they block the event loop for a few milliseconds."""
LOADING_HEARTBEAT_SECONDS = 0.05
"""Time between heartbeats while loading. What is listed after one is acknowledged only after the next."""
COUNT_SECONDS = 5.0
"""Time between two counts of the store's entries: eviction removes them without a change."""
RETRY_SECONDS = (0.02, 1.0)
"""Pause after a failure: the first, and the longest while the lists are not loaded."""


class Replica:
    """A live copy of the lists.

    Args:
        name: of this process among all. Two replicas may have the same name: each adds a random suffix.
        applied_lists: where this machine records what it applied; None: nowhere.
        batch_files: where this machine has the files of batches; None: in a directory that ends with this process.

    Attributes:
        ready: whether the matcher holds complete lists, and may be used.
        freshness: whether all is applied that was acknowledged, as far as this process knows.
        on_change: called for each change as it is applied; not for what is loaded.
        on_store_loss: called when the store lost data, or has another history: what was written before may be gone.
        before_report: awaited before an applied version is reported, and before a flush request is acknowledged. A
            process that reports a version says with it that all that it did by older versions is in the store.
        settle: awaited, in a task of its own, before this process says that all responses are judged which were
            unjudged when it read a flush request, but those that it calls stuck. By then the lists of that request,
            `flush_version`, are applied.
        membership: that of this copy among all.
        unjudged: what is not judged now.
        unreadable: what of the store does not act here, as this release can't read it.
        preparation: gets the files of batches ready.
        start_seconds: how long `start` waits for the lists; None: until they are loaded.
        batch_states: the batches of the store, at any time.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        matcher: Matcher | None = None,
        applied_lists: AppliedListsFile | None = None,
        batch_files: BatchFiles | None = None,
    ) -> None:
        self.matcher = matcher or Matcher()
        self.ready = False
        self.start_seconds: float | None = None
        self.freshness = Freshness()
        self.on_change: list[Callable[[Change], None]] = []
        self.on_store_loss: list[Callable[[], None]] = []
        self.before_report: Callable[[], Awaitable[None]] | None = None
        self.settle: Callable[[], Awaitable[None]] | None = None
        self.unjudged: Callable[[], UnjudgedReport] = UnjudgedReport
        # The suffix makes the name unique: no other process may report or leave in this one's place.
        self._name = f"{name}#{secrets.token_hex(3)}"
        self._log_name = f"replica {self._name}"
        self._store, self._list_store, self.membership = store, ListStore(store), OwnMembership(store, applied_lists)
        self._reader = StreamReader(store, self._list_store.stream, self.membership.flush_requests)
        files, between = batch_files or BatchFiles.temporary(), self._heartbeat_if_due
        self.preparation = BatchPreparation(self._name, files, store, self.membership, between)
        self._updates = MatcherUpdates(self._log_name, self.matcher, self._list_store, between, self.preparation)
        self.unreadable = self._updates.unreadable
        self.batch_states = BatchStates(self._list_store.batches, self.preparation)
        # Whether the matcher holds what the store holds up to `version`. After a loss of data it is ready without.
        self._loaded = self._keeps_others = False
        self._loss_watch = StoreLossWatch(self.matcher, applied_lists)
        self._history, self._highest_version, self._next_count = StoreHistory(0, None), 0, 0.0
        self._applied_at: float | None = None
        # The last flush request of whose version the lists are.
        self._settle_request = self._reader.flush_request
        self._report = AppliedVersionReport(self._report_early)
        self._settled = AppliedVersionReport(self._report_early)
        self._judged_request = b"0-0"
        self._heartbeat_lock, self._heartbeat_due = asyncio.Lock(), 0.0
        self.membership.on_older_state = self._tell_of_loss
        self._attempted, self._version_changed = asyncio.Event(), asyncio.Condition()
        self._outage_log = OutageLog(self._log_name, lambda: f"continuing with version {self.version}")
        self._loop = WorkerLoop(
            self._log_name,
            self._load_and_follow,
            metric_label="replica",
            retry_seconds=RETRY_SECONDS,
            jitter=True,
            on_failure=self._after_failure,
            after_defect="loading again",
            outage_log=self._outage_log,
        )
        batch_refill = BatchRefill(store, self.matcher, self._list_store.batches, self._updates.batches, files)
        self._refill_offer = RefillOffer(store, self.matcher, batch_refill, self._name, self._loop)

    @property
    def version(self) -> int:
        """The version that is applied."""
        return self.matcher.version

    @property
    def flush_version(self) -> int:
        """The version of the lists when the last flush request was made."""
        return self._reader.flush_version

    @property
    def loaded(self) -> bool:
        """Whether all that the store has is loaded. Until then, a loss of its data may not be known yet."""
        return self._loaded

    @property
    def loss(self) -> StoreLoss | None:
        """What the store lost and has not got back; None if nothing."""
        return self._loss_watch.loss

    @property
    def lost_history(self) -> str:
        """Id of the store's history that this copy is made of; it is replaced when a loss is repaired or accepted."""
        return self._loss_watch.asked_history

    async def start(self) -> None:
        """Return when the lists are loaded. If the store is unavailable, or loading takes longer than `start_seconds`,
        return not ready, and go on."""
        await self._loop.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.start_seconds):
                await self._attempted.wait()

    async def close(self) -> None:
        """Stop following, and leave the membership."""
        if not self._loop.running:
            return
        async with self._heartbeat_lock:  # a heartbeat that is cut off could reach the store after `leave`
            await self._loop.close()
        await self._refill_offer.close()
        await self._updates.batches.close()
        if self._loaded:
            self._loss_watch.record(self.version, at_once=True)
        await self._report.close()
        await self._settled.close()
        await self._reader.close()
        await self.membership.leave(self._name, self.unjudged().under_way)

    async def wait_version(self, version: int, timeout: float) -> bool:
        """Wait until `version` is applied, at most `timeout` seconds. Returns whether it is."""
        try:
            async with asyncio.timeout(timeout), self._version_changed:
                return await self._version_changed.wait_for(lambda: self._loaded and self.version >= version)
        except TimeoutError:
            return False

    async def wait_current(self) -> bool:
        """Apply all that is acknowledged by now. False: the store does not answer."""
        with contextlib.suppress(*STORE_AWAY):
            await self._heartbeat()
            async with self._version_changed:
                await self._version_changed.wait_for(lambda: self.freshness.is_current)
        return self.freshness.is_current

    def is_behind(self, version: int) -> bool:
        """Whether something may be acknowledged, and matched against all seen, that lists at `version` do not have."""
        return not (self._loaded and self.freshness.is_current) or version < self._history.version

    async def compare_with_store(self) -> None:
        """Compare this copy with the store now, not at the next heartbeat. Raises STORE_AWAY."""
        await self._heartbeat()
        self._next_count = 0.0
        await self._count_if_due()

    async def _load_and_follow(self) -> None:
        if not self._loaded:
            await self._load()
        if self._loaded:
            self._attempted.set()
        # The pauses grow only while nothing is loaded: a copy in use must be up to date soon after an outage.
        self._loop.reset_retry()
        await self._follow()

    def _after_failure(self, error: Exception) -> None:
        if not isinstance(error, (*STORE_AWAY, Unavailable)):
            # A defect may have left the matcher wrong. Until it is loaded again changes wait for it.
            self._loaded = False
        self._attempted.set()

    async def _load(self) -> None:
        """Load what the store has. What this copy has beyond that is dropped, unless the store lost it.

        Changes go on while the snapshot is read. So all changes since it was begun are applied to it again, in order:
        the last change of anything decides.
        """
        await self._store.claim_layout()
        await self._heartbeat()
        history = self._history
        version = await self._list_store.version()
        await self._updates.load_snapshot(keep_others=self._keeps_others)
        self.matcher.version = version
        self._applied_at = None
        # Begins with the newest change, not after it: its time is what tells this history from another.
        after = max(version - 1, 0)
        while changes := await self._list_store.changes(after, CHANGES_PER_READ):
            if self._misses_some_before(changes):
                return
            await self._apply(changes)
            after = self.version
        self._loss_watch.loaded(history, self.version, self._updates.kept)
        self._loaded, self._keeps_others = True, self.loss is not None
        self.ready = self.loss is None or self.loss.in_memory
        await self._publish()

    async def _follow(self) -> None:
        """Apply changes as they come, and report each batch at once. Returns when everything must be loaded again."""
        while True:
            await self._heartbeat()
            await self._count_if_due()
            if self._updates.batches.damaged:
                self._loaded = self.ready = False  # what is listed there may not be found: policy.not_ready decides
            if not self._loaded:
                return
            changes, announced = await self._reader.read(self.version, CHANGES_PER_READ)
            self.preparation.announced(announced)
            if changes:
                # Before they are applied: the store may have lost its data, and these belong to another history.
                await self._heartbeat()
                if not self._loaded:
                    return
            if self._misses_some_before(changes):
                what = f"the store no longer has the changes after version {self.version}; reloading the lists"
                logger.warning("%s: %s", self._log_name, what)
                # After a loss this copy is the only one of what was lost: it stays in use.
                self._loaded = False
                self.ready = self.ready and self._keeps_others
                return
            await self._apply(changes)
            self._update_reports()
            for change in changes:
                for callback in self.on_change:
                    callback(change)

    def _misses_some_before(self, changes: Sequence[Change]) -> bool:
        """Whether versions between the one applied and these were trimmed from the stream."""
        return bool(changes) and changes[0].version > self.version + 1

    async def _apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            await self._updates.apply(change)
            # With the version, and without a pause between: a heartbeat compares both with the store's.
            self._applied_at = change.at
        if changes:
            await self._publish()

    async def _publish(self) -> None:
        """Make the applied version known: to metrics, to those who wait for it, and to the store."""
        if self._loaded:
            self.freshness.applied(self.version)
        self._updates.set_gauges()
        self._update_reports()
        async with self._version_changed:
            self._version_changed.notify_all()

    def _update_reports(self) -> None:
        self._report.update(self.version, self._reader.flush_request, self.before_report)
        # What is listed and not applied yet has judged nothing.
        if self.version >= self.flush_version:
            self._settle_request = self._reader.flush_request
        self._settled.update(0, self._settle_request, self.settle)

    async def _report_early(self) -> None:
        """Report before the next heartbeat is due."""
        if self._loaded:
            with contextlib.suppress(*STORE_AWAY):
                await self._heartbeat()

    async def _heartbeat_if_due(self) -> None:
        if time.monotonic() >= self._heartbeat_due:
            await self._heartbeat()

    async def _heartbeat(self) -> None:
        """Report what is applied. Learn whether the store still has the history that this copy is made of."""
        self._heartbeat_due = time.monotonic() + (HEARTBEAT_SECONDS if self._loaded else LOADING_HEARTBEAT_SECONDS)
        async with self._heartbeat_lock:
            # Changes may be applied while the store answers: its answer is about what is sent now.
            loaded, version, applied_at = self._loaded, self.version, self._applied_at
            not_loaded, unjudged = DIVERGED if self.ready else LOADING, self.unjudged()
            if not unjudged.stuck:
                self._judged_request = self._settled.flush_request
            sent, sent_at = now(), time.time()
            history = await self.membership.heartbeat(
                self._name,
                reported=self._report.version if loaded and not self.unreadable.any_later else not_loaded,
                applied=version if loaded else LOADING,
                acknowledged=flush_request_id(self._report.flush_request),
                judged=flush_request_id(self._judged_request),
                asked_history=self.lost_history,
                settled=flush_request_id(self._settled.flush_request),
                applied_at=applied_at if loaded else None,
                **unjudged.told(),
            )
            if unjudged.taken_over:
                # They are in the counts that were sent just now.
                await self.membership.forget_journals(unjudged.taken_over)
                unjudged.taken_over.clear()
        self._outage_log.recovered()
        metrics.blocklist_contact_timestamp.set(sent_at)
        if self._history.id not in ("", history.id):
            self._tell_of_loss()
        self._history = history
        self._highest_version = max(self._highest_version, version)
        # Another task may have noticed the loss meanwhile, and set `_loaded` back: then there is nothing to do.
        if loaded and self._loaded:
            self._compare(history, version, applied_at)
        self.freshness.answered(sent, history.version)
        if self._loaded:
            self.freshness.applied(self.version)
            self._loss_watch.record(self.version)
        if self.loss is not None:
            await self._refill_offer.make(self.loss, self._highest_version, self.lost_history)

    def _compare(self, history: StoreHistory, version: int, applied_at: float | None) -> None:
        """Load again if the store has another history than this copy: it lost data, or it was repaired."""
        if history.replaced:
            logger.warning("%s: the lists of the store were %s; loading them", self._log_name, history.replaced)
            self._loaded, self._keeps_others = False, history.replaced == REFILLED
        elif self._loss_watch.notices(history, version, applied_at):
            logger.error(
                "%s: the store lost changes (store version %d, version here %d): this process keeps its lists",
                self._log_name, history.version, version,
            )  # fmt: skip
            self._note_loss()

    def _note_loss(self) -> None:
        self._loss_watch.lost()
        self._loaded, self._keeps_others = False, True
        self._tell_of_loss()

    def _tell_of_loss(self) -> None:
        for callback in self.on_store_loss:
            callback()

    async def _count_if_due(self) -> None:
        """Compare the number of entries in the store with those here."""
        if not self._loaded or self.loss is not None or time.monotonic() < self._next_count:
            return
        self._next_count = time.monotonic() + COUNT_SECONDS
        version, missing = await self._updates.short_lists()
        # Otherwise a change was made meanwhile: the next count decides.
        if version != self.version or not self._loaded:
            return
        if missing:
            logger.error(
                "%s: the store has fewer entries than it recorded, on %d lists: this process keeps its lists",
                self._log_name, len(missing),
            )  # fmt: skip
            self._note_loss()

"""Writes lists, entries and changes into the matcher of a replica, in slices of a few milliseconds."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from itertools import batched

from edgeward import metrics
from edgeward.errors import BadSignal
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.batch_preparation import BatchPreparation
from edgeward.lists.replication.batch_updates import BatchUpdates
from edgeward.lists.replication.unreadable_entries import UnreadableEntries
from edgeward.matching.matcher import Matcher
from edgeward.types import Change, HashList, Unreadable

logger = logging.getLogger(__name__)

SLICE = 250
"""Entries removed per slice: they block the event loop for a few milliseconds."""


class MatcherUpdates:
    """Updates one matcher.

    Args:
        name: of the replica, for the log.
        between_slices: awaited again and again during long work: sends the replica's heartbeats.

    Attributes:
        kept: lists and entries that the last snapshot did not have, and that were kept. An entry that came in a batch
            counts too.
        unreadable: what could not be read. What is in memory of it stays.
        batches: those of all lists.
    """

    def __init__(
        self,
        name: str,
        matcher: Matcher,
        list_store: ListStore,
        between_slices: Callable[[], Awaitable[None]],
        preparation: BatchPreparation,
    ) -> None:
        self._name, self._matcher, self._list_store = name, matcher, list_store
        self._between_slices, self.batches = between_slices, BatchUpdates(matcher, list_store.batches, preparation)
        self.kept = (0, 0)
        self.unreadable = UnreadableEntries()

    async def load_snapshot(self, keep_others: bool) -> None:
        """Add all lists and entries of the store. What the store does not have is removed, unless `keep_others`.

        The snapshot is not of one moment: the lists may change while it is read. The caller applies all changes
        since it began.
        """
        lists_kept = entries_kept = 0
        lists, unreadable_lists = await self._list_store.readable_lists()
        self.unreadable.clear()
        for each in unreadable_lists:
            self._note(each)
        for hash_list in lists:
            others = await self._load_list(hash_list)
            entries_kept += await self._load_batches(hash_list.name, keep_others)
            if keep_others:
                entries_kept += len(others)
            else:
                await self._remove_entries(hash_list.name, others)
        there = {hash_list.name for hash_list in lists} | {each.list for each in unreadable_lists}
        other_lists = self._matcher.lists.keys() - there
        for name in other_lists:
            if keep_others:
                lists_kept += 1
                entries_kept += len(self._matcher.entries(name))
            else:
                await self._delete_list(name)
        self.kept = lists_kept, entries_kept

    async def _load_list(self, hash_list: HashList) -> set[str]:
        """Add a list with its entries. Returns the ids of those in memory that the store does not have."""
        self._matcher.set_list(self._explained(hash_list))
        loaded = set[str]()
        unreadable: dict[str, Unreadable] = {}
        async for chunk in self._list_store.scan(hash_list.name, unreadable=unreadable):
            for entry in chunk:
                loaded.add(entry.id)
                with self._skipping_bad_signals():
                    self._matcher.add_entry(entry)
            await self._between_slices()
        for each in unreadable.values():
            self._note(each)
        return set(self._matcher.single_entries(hash_list.name)) - loaded - unreadable.keys()

    async def _load_batches(self, list_name: str, keep_others: bool = False) -> int:
        """Let the batches act that a list has in the store. Returns the number of entries of others that are kept."""
        unreadable, kept = await self.batches.load(list_name, keep_others)
        for each in unreadable:
            self._note(each)
        return kept

    async def apply(self, change: Change) -> None:
        """Apply a change. The matcher gets its version at the very end. One that can't be read is noted."""
        if change.unreadable and change.op not in ("list.delete", "entry.remove"):
            self._note(change.unreadable)
        elif change.unreadable:
            self.unreadable.remove(change.unreadable)
        if change.list and change.op == "list.delete":
            self.unreadable.forget_list(change.list.name)
        elif change.list and change.op == "list.set":
            self._explained(change.list)
            if self.unreadable.has_list(change.list.name):
                # Its entries could not be loaded without it.
                self.unreadable.forget_list(change.list.name)
                await self._load_list(change.list)
                await self._load_batches(change.list.name)
        elif change.batch and change.batch.list in self._matcher.lists:
            await self._load_batches(change.batch.list)
        if change.op == "list.delete" and change.list:
            # The matcher would remove all entries of a long list at a stretch.
            await self._delete_list(change.list.name)
        with self._skipping_bad_signals():
            self._matcher.apply(change)

    def _note(self, unreadable: Unreadable) -> None:
        if not len(self.unreadable):
            logger.error("%s: a list or an entry of the store can't be read and does not act here", self._name)
        self.unreadable.add(unreadable)

    def _explained(self, hash_list: HashList) -> HashList:
        if hash_list.substituted:
            logger.warning(
                "%s: a list has a policy that only a later release knows (%s): it acts here in mode %s",
                self._name, ", ".join(hash_list.substituted), hash_list.mode,
            )  # fmt: skip
        return hash_list

    async def short_lists(self) -> tuple[int, list[str]]:
        """The version of the store's lists, and the names of those that have fewer entries or batches there than here,
        if that is the version here."""
        names = list(self._matcher.lists)
        batches = await self._list_store.batches.count(names)
        version, counts = await self._list_store.counts(names)
        short = [
            name
            for name, count, of_batches in zip(names, counts, batches, strict=True)
            if count < len(self._matcher.single_entries(name)) or of_batches < self.batches.acting(name)
        ]
        return version, short

    def set_gauges(self) -> None:
        """Set the metrics of what the matcher holds."""
        metrics.blocklist_version.set(self._matcher.version)
        for (list_name, signal_type), number in self._matcher.counts().items():
            metrics.blocklist_entries.labels(list_name, signal_type).set(number)
        for (list_name, signal_type), number in self._matcher.not_matchable().items():
            metrics.not_matchable_entries.labels(list_name, signal_type).set(number)

    async def _delete_list(self, name: str) -> None:
        await self._remove_entries(name, set(self._matcher.single_entries(name)))
        self._matcher.delete_list(name)
        self.batches.forget(name)

    async def _remove_entries(self, list_name: str, ids: set[str]) -> None:
        for some in batched(ids, SLICE):
            for entry_id in some:
                self._matcher.remove_entry(list_name, entry_id)
            await asyncio.sleep(0)
            await self._between_slices()

    @contextlib.contextmanager
    def _skipping_bad_signals(self) -> Iterator[None]:
        """An entry that can match nothing is named in the log and skipped: it must not stop the others."""
        try:
            yield
        except BadSignal as error:
            logger.error("%s: %s", self._name, error)

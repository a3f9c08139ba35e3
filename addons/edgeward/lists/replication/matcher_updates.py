"""Writes lists, entries and changes into the matcher of a replica, in slices of a few milliseconds."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from itertools import batched

from edgeward import metrics
from edgeward.errors import BadSignal
from edgeward.lists.list_store import ListStore
from edgeward.matching.matcher import Matcher
from edgeward.types import Change

logger = logging.getLogger(__name__)

SLICE = 250
"""Entries removed per slice: they block the event loop for a few milliseconds."""


class MatcherUpdates:
    """Updates one matcher.

    Args:
        name: of the replica, for the log.
        between_slices: awaited again and again during long work: sends the replica's heartbeats.

    Attributes:
        kept: lists and entries that the last snapshot did not have, and that were kept.
    """

    def __init__(
        self, name: str, matcher: Matcher, list_store: ListStore, between_slices: Callable[[], Awaitable[None]]
    ) -> None:
        self._name, self._matcher, self._list_store = name, matcher, list_store
        self._between_slices = between_slices
        self.kept = (0, 0)

    async def load_snapshot(self, keep_others: bool) -> None:
        """Add all lists and entries of the store. What the store does not have is removed, unless `keep_others`.

        The snapshot is not of one moment: the lists may change while it is read. The caller applies all changes
        since it began.
        """
        lists_kept = entries_kept = 0
        lists = await self._list_store.lists()
        for hash_list in lists:
            self._matcher.set_list(hash_list)
            loaded = set[str]()
            async for chunk in self._list_store.scan(hash_list.name):
                for entry in chunk:
                    loaded.add(entry.id)
                    with self._skipping_bad_signals():
                        self._matcher.add_entry(entry)
                await self._between_slices()
            others = set(self._matcher.entries(hash_list.name)) - loaded
            if keep_others:
                entries_kept += len(others)
            else:
                await self._remove_entries(hash_list.name, others)
        other_lists = self._matcher.lists.keys() - {hash_list.name for hash_list in lists}
        for name in other_lists:
            if keep_others:
                lists_kept += 1
                entries_kept += len(self._matcher.entries(name))
            else:
                await self._delete_list(name)
        self.kept = lists_kept, entries_kept

    async def apply(self, change: Change) -> None:
        """Apply a change. The matcher gets its version at the very end."""
        if change.op == "list.delete" and change.list:
            # The matcher would remove all entries of a long list at a stretch.
            await self._delete_list(change.list.name)
        with self._skipping_bad_signals():
            self._matcher.apply(change)

    def set_gauges(self) -> None:
        """Set the metrics of what the matcher holds."""
        metrics.blocklist_version.set(self._matcher.version)
        for (list_name, signal_type), number in self._matcher.counts().items():
            metrics.blocklist_entries.labels(list_name, signal_type).set(number)
        for (list_name, signal_type), number in self._matcher.not_matchable().items():
            metrics.not_matchable_entries.labels(list_name, signal_type).set(number)

    async def _delete_list(self, name: str) -> None:
        await self._remove_entries(name, set(self._matcher.entries(name)))
        self._matcher.delete_list(name)

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

"""Entries that are on no list any more: found among the changes, as long as the audit trail has them."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from edgeward.background.stream_archive import StreamArchive
from edgeward.errors import Unavailable
from edgeward.lists.batches.batch_store import BatchStore
from edgeward.lists.stored_lists import parse_changes
from edgeward.store.connection import Store
from edgeward.types import Batch, Change, Entry, RowRef, Signal
from edgeward.types import entry_id as id_of_entry
from edgeward.types.batches import adds_field, removes_field
from edgeward.types.later_releases import DECODE_ERRORS

CHANGES_PER_READ = 500
SEARCH_SECONDS = 20.0
"""Longest search."""


@dataclass(frozen=True, slots=True)
class RemovedEntry:
    """An entry as it was listed, and the change that removed it: its own removal, the undo of its batch, a batch that
    took it off, or the deletion of its list."""

    entry: Entry
    removal: Change


async def find_removed(store: Store, entry_id: str) -> RemovedEntry | None:
    """The entry with this id that was removed last, or None. It is not known whether it was listed again since.

    Raises:
        Unavailable: there are too many changes to search all.
    """
    changes, start = StreamArchive(store, store.key("{blocklist}", "changes")), f"{await _version(store) + 1}-0"
    # By name, the deletion that follows what is read now.
    deletions: dict[str, Change] = {}
    deadline = time.monotonic() + SEARCH_SECONDS
    batches = _BatchSearch(store, entry_id)
    while found := await changes.before(start, CHANGES_PER_READ):
        for id_, fields in found:
            if fields.get(b"op") == b"list.delete":
                (deletion,) = parse_changes([(id_, fields)])
                deletions |= {deletion.list.name: deletion} if deletion.list else {}
            elif b"batch" in fields:
                (change,) = parse_changes([(id_, fields)])
                if removed := await batches.removed_by(change, deletions):
                    return removed
            elif _may_be_of(fields, deletions) and _id_of(fields[b"entry"]) == entry_id:
                (change,) = parse_changes([(id_, fields)])
                if change.entry is not None:
                    removal = change if change.op == "entry.remove" else deletions.get(change.entry.list)
                    return RemovedEntry(change.entry, removal) if removal else None
        start = found[-1][0].decode()
        if time.monotonic() > deadline:
            raise Unavailable(
                f"the audit trail is too long to find what {entry_id} was: `edgeward audit --op entry.remove` shows it"
            )
    return None


class _BatchSearch:
    """Looks for one entry among the rows of batches, from the newest change to the oldest."""

    def __init__(self, store: Store, entry_id: str) -> None:
        self._batches, self._id = BatchStore(store), entry_id
        self._known: dict[str, dict[str, Batch]] = {}

    async def removed_by(self, change: Change, deletions: Mapping[str, Change]) -> RemovedEntry | None:
        """The entry, if this change of batches took it off its list, or listed it there before the list was deleted."""
        batch = change.batch
        if batch is None:
            return None
        deletion = deletions.get(batch.list)
        if change.op == "list.batch_undo" or deletion:
            removal = change if change.op == "list.batch_undo" else deletion
            entry = await self._listed_by(batch)
            if entry and removal:
                return RemovedEntry(entry, removal)
        if change.op == "list.batch_add" and batch.removes and not await self._listed_by(batch):
            entry = await self._marked(batch, batch.removes, removes_field)
            return RemovedEntry(entry, change) if entry else None
        return None

    async def _listed_by(self, batch: Batch) -> Entry | None:
        """The entry, if a row of the batch is it, or a row of another that it adds."""
        if found := await self._row_in(batch):
            return found[1]
        return await self._marked(batch, batch.adds, adds_field)

    async def _marked(self, batch: Batch, others: Iterable[str], field: Callable[[str], str]) -> Entry | None:
        """The entry, if it is a row of one of these earlier batches that the mask of this name has."""
        known = await self._batches_of(batch.list)
        for other in others:
            found = await self._row_in(known[other]) if other in known else None
            if found and await self._batches.data.has_row(field(other), batch.id, found[0].row):
                return found[1]
        return None

    async def _batches_of(self, list_name: str) -> dict[str, Batch]:
        if list_name not in self._known:
            stored, old = await self._batches.get(list_name), await self._batches.all_old()
            self._known[list_name] = {each.id: each for each in (*old, *stored.batches)}
        return self._known[list_name]

    async def _row_in(self, batch: Batch) -> tuple[RowRef, Entry] | None:
        if not await self._batches.data.exists(batch.id):  # it is forgotten
            return None
        return (await self._batches.data.find(batch, [self._id])).get(self._id)


async def _version(store: Store) -> int:
    return int(await store.redis.get(store.key("{blocklist}", "version")) or 0)


def _may_be_of(fields: Mapping[bytes, bytes], deletions: Mapping[str, Change]) -> bool:
    """Whether it is the removal of an entry, or of one whose list was deleted later. Most are neither."""
    entry = fields.get(b"entry", b"")
    if not entry or fields.get(b"op") == b"entry.remove":
        return bool(entry)
    return any(f'"{name}"'.encode() in entry for name in deletions)


def _id_of(entry: bytes) -> str:
    """The id of an entry as stored; "" if it is damaged."""
    try:
        data = json.loads(entry)
        return id_of_entry(data["list"], Signal(data["signal"]["type"], data["signal"]["value"]))
    except DECODE_ERRORS:
        return ""

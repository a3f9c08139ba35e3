"""Entries that are on no list any more: found among the changes, as long as the audit trail has them."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from edgeward.background.stream_archive import StreamArchive
from edgeward.errors import Unavailable
from edgeward.lists.stored_lists import parse_changes
from edgeward.store.connection import Store
from edgeward.types import Change, Entry, Signal
from edgeward.types import entry_id as id_of_entry
from edgeward.types.later_releases import DECODE_ERRORS

CHANGES_PER_READ = 500
SEARCH_SECONDS = 20.0
"""Longest search."""


@dataclass(frozen=True, slots=True)
class RemovedEntry:
    """An entry as it was listed, and the change that removed it: its own removal, or the deletion of its list."""

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
    while found := await changes.before(start, CHANGES_PER_READ):
        for id_, fields in found:
            if fields.get(b"op") == b"list.delete":
                (deletion,) = parse_changes([(id_, fields)])
                deletions |= {deletion.list.name: deletion} if deletion.list else {}
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

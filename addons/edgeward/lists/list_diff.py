"""Which entries a list has at one version and not at another, read from the changes between them."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from edgeward.background.stream_archive import Item, StreamArchive
from edgeward.errors import UserError
from edgeward.lists.known_entries import known_entries
from edgeward.lists.stored_lists import parse_version, read_entry
from edgeward.matching.batches.batch_index import BatchState
from edgeward.matching.batches.row_sets import row_pieces, rows_of_signals, take_out
from edgeward.matching.batches.state_difference import StateDifference
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal, entry_id
from edgeward.types.later_releases import DECODE_ERRORS

CHANGES_PER_READ = 500
MAX_CHANGED = 500_000
"""Entries that may have changed in between: about 150 bytes for each."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry that is at the later version only (`is_added`), or at the earlier one only.

    `version`: of its change. For an entry of a batch that of the batch or of its undo, if they are in between; else the
    later version.
    """

    entry: Entry
    is_added: bool
    version: int


@dataclass(slots=True)
class _Changed:
    """Whether a single entry is on the list before its first change, and after its last one."""

    was: bool
    is_: bool
    version: int
    signal: Signal


type RowDifference = Callable[[], Awaitable[StateDifference]]
"""What differs between the two versions in the rows of the list's batches."""


class ListDifference:
    """What differs between two versions of a list. An entry that was added and removed in between is no difference.

    Args:
        first, last: versions of the lists, of which `last` is not the earlier one.
        of_rows: None: the list has no batches.

    Attributes:
        rows: what differs in rows of batches, without what single entries changed. None: nothing, or `single_entries`
            was not called yet.
    """

    def __init__(
        self, store: Store, list_name: str, first: int, last: int, of_rows: RowDifference | None = None
    ) -> None:
        self._store, self._list_name, self._first, self._last, self._of_rows = store, list_name, first, last, of_rows
        self.rows: StateDifference | None = None

    async def single_entries(self) -> AsyncGenerator[list[Difference]]:
        """The single entries that differ, some at a time, in the order of their changes.

        Raises:
            UserError: changes in between are not kept any more, the list was deleted in between, or more than
                MAX_CHANGED single entries changed.
        """
        archive = StreamArchive(self._store, self._store.key("{blocklist}", "changes"))
        changed: dict[str, _Changed] = {}
        async for items in _between(archive, self._first, self._last):
            for id_, fields in items:
                _note(changed, self._list_name, parse_version(id_), fields)
            if len(changed) > MAX_CHANGED:
                raise UserError(f"more than {MAX_CHANGED} entries changed: give versions that are nearer to each other")
        self.rows = await self._of_rows() if self._of_rows else None
        if self.rows is not None:
            await asyncio.to_thread(_take_out, self.rows, changed)
        differing = {each.version: each.is_ for each in changed.values() if each.was != each.is_}
        async for items in _between(archive, self._first, self._last):
            if found := _those_of(items, self._list_name, differing):
                yield found

    async def entries(self) -> AsyncGenerator[list[Difference]]:
        """All entries that differ, some at a time: single ones, and then those of batches. Errors as in
        `single_entries`."""
        async for found in self.single_entries():
            yield found
        if self.rows is not None:
            async for found in _of_rows(self._store, self._list_name, self.rows, self._first, self._last):
                yield found


def _those_of(items: Sequence[Item], list_name: str, differing: Mapping[int, bool]) -> list[Difference]:
    """The differences that these changes made: by version, whether the entry is there afterwards."""
    found = []
    for id_, fields in items:
        if (version := parse_version(id_)) in differing:
            entry = read_entry(list_name, fields[b"entry"])
            if isinstance(entry, Entry):
                found.append(Difference(entry, differing[version], version))
    return found


def _take_out(rows: StateDifference, changed: Mapping[str, _Changed]) -> None:
    """Single entries that changed are on the list too where a row has them, and are no differences of rows."""
    signals = {each.signal: each for each in changed.values()}
    before, after = rows_of_signals(rows.before, signals), rows_of_signals(rows.after, signals)
    for signal, each in signals.items():
        each.was, each.is_ = each.was or signal in before, each.is_ or signal in after
    for refs, some in ((before, rows.removed), (after, rows.added)):
        take_out(some, refs.values())


async def _of_rows(
    store: Store, list_name: str, rows: StateDifference, first: int, last: int
) -> AsyncGenerator[list[Difference]]:
    """The differences of rows, without those that are single entries too."""
    for state, some, is_added in ((rows.before, rows.removed, False), (rows.after, rows.added, True)):
        pieces = row_pieces(state, some)
        while piece := await asyncio.to_thread(next, pieces, None):
            single = await known_entries(store, list_name, [entry.id for _, entry in piece])
            versions = _versions(state, is_added, first, last)
            found = [Difference(entry, is_added, versions.get(ref.batch, last)) for ref, entry in piece]
            if found := [each for each in found if each.entry.id not in single]:
                yield found


def _versions(state: BatchState, is_added: bool, first: int, last: int) -> dict[str, int]:
    """By the id of a batch, the version that made or undid it, if that is one in between."""
    batches = state.folded.batches
    versions = {batch.id: batch.version if is_added else batch.undone_version for batch in batches}
    return {batch_id: version for batch_id, version in versions.items() if first < version <= last}


async def _between(archive: StreamArchive, first: int, last: int) -> AsyncGenerator[list[Item]]:
    """The changes after version `first` up to `last`."""
    at = first
    while at < last:
        found = await archive.after(f"{at}-0", CHANGES_PER_READ)
        if not found or parse_version(found[0][0]) != at + 1:
            begin = f"begin at version {parse_version(found[0][0])}" if found else f"end at version {at}"
            raise UserError(f"the changes that are kept {begin}: give versions from there on")
        at = parse_version(found[-1][0])
        yield [item for item in found if parse_version(item[0]) <= last]


def _note(changed: dict[str, _Changed], list_name: str, version: int, fields: Mapping[bytes, bytes]) -> None:
    op, entry = fields.get(b"op", b""), fields.get(b"entry", b"")
    if op == b"list.delete" and _name(fields.get(b"list", b"")) == list_name:
        raise UserError(f"the list {list_name!r} was deleted in between, at version {version}: give versions after it")
    # A row of a batch is no single entry.
    if b"row" in fields or f'"{list_name}"'.encode() not in entry or not (signal := _signal_on(list_name, entry)):
        return
    # What is listed again was there, and so was what is removed, or becomes another act's.
    was = op != b"entry.add" or b"again" in fields
    known = changed.setdefault(entry_id(list_name, signal), _Changed(was, was, version, signal))
    known.is_, known.version = op != b"entry.remove", version


def _signal_on(list_name: str, entry: bytes) -> Signal | None:
    """The signal of an entry as stored; None if it is of another list, or damaged."""
    try:
        data = json.loads(entry)
        signal = Signal(data["signal"]["type"], data["signal"]["value"])
        bytes.fromhex(signal.value)
        return signal if data["list"] == list_name else None
    except DECODE_ERRORS:
        return None


def _name(of_list: bytes) -> str:
    try:
        return str(json.loads(of_list)["name"])
    except DECODE_ERRORS:
        return ""

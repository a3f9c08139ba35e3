"""The entries of a list some at a time: single ones as the store has them, and those of batches from the files of this
machine."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Self

from edgeward.errors import InvalidValue
from edgeward.lists.distinct_ids import DistinctIds
from edgeward.lists.list_store import ListStore
from edgeward.matching.batches.batch_index import BatchState
from edgeward.matching.batches.row_sets import entries_from, not_listed_in, places_of, row_pieces
from edgeward.matching.matcher import Matcher
from edgeward.types import Entry, Unreadable

ENTRIES_PER_SLICE = 10_000
"""Single entries that are looked at in one slice: that takes about a millisecond."""


@dataclass(frozen=True, slots=True)
class _RowPosition:
    """A place among the rows of a list's batches: a batch by its version, and the number of a row.

    `batches` stands for those of the list up to the version `until` that were not undone. Once one of them is, rows
    before this place may be listed again, and it is begun anew.
    """

    batches: str
    until: int
    version: int = 0
    row: int = 0

    def __str__(self) -> str:
        return f"{self.batches}.{self.until}.{self.version}.{self.row}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        found = re.fullmatch(r"([0-9a-f]{8})\.([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,18})", text)
        return cls(found[1], *map(int, found.groups()[1:])) if found else None

    @classmethod
    def in_state(cls, state: BatchState, version: int = 0, row: int = 0) -> Self:
        """This place, as of a state; without one, the first."""
        until = max((batch.version for batch in state.folded.batches), default=0)
        return cls(_acting(state, until), until, version, row)


class ListedEntries:
    """The entries of all lists.

    Args:
        matcher: of a replica of the lists. Where it has a single entry and a row of a batch, the single one is shown.
    """

    def __init__(self, list_store: ListStore, matcher: Matcher) -> None:
        self._list_store, self._matcher = list_store, matcher

    async def page(self, list_name: str, cursor: str, limit: int) -> tuple[list[Entry], str]:
        """About `limit` entries of a list, and the cursor for the next call: "0" when there are no more.

        An entry that stays on the list through all calls is returned at least once.

        Args:
            cursor: "0", or that which the call before has returned.

        Raises:
            NotFound: there is no such list.
            InvalidValue: it is no cursor.
        """
        if (position := _RowPosition.parse(cursor)) is None:
            found, after = await self._list_store.entries(list_name, _number(cursor), limit)
            if after or len(found) >= limit:
                return found, str(after or self._first_row(list_name) or 0)
        else:
            found = []
            await self._list_store.get_list(list_name)
        state = self._matcher.batches(list_name).state
        start = (position.version, position.row) if position and _is_valid(position, state) else (0, 0)
        rows, end = await asyncio.to_thread(entries_from, state, start, limit - len(found))
        single = self._matcher.single_entries(list_name)
        found += [single.get(entry.id, entry) for entry in rows]
        return found, str(_RowPosition.in_state(state, *end)) if end else "0"

    def _first_row(self, list_name: str) -> _RowPosition | None:
        state = self._matcher.batches(list_name).state
        return _RowPosition.in_state(state) if state.counts.total() else None

    async def all_of(self, list_name: str, unreadable: dict[str, Unreadable]) -> AsyncGenerator[list[Entry]]:
        """All entries of a list, each once, some at a time; none for an unknown list.

        An entry that stays on the list meanwhile is among them; of one that is added or removed it is not known.

        Args:
            unreadable: gets by id the entries that this release can't read.

        Raises:
            StoreUnavailable: another server has taken over: some entries may be missing.
            DamagedSegment: a file of a batch is damaged.
        """
        index = self._matcher.batches(list_name)
        first = index.state
        async for rows in self._rows(list_name, first, None):
            yield rows
        written = DistinctIds(len(self._matcher.single_entries(list_name)))
        async for chunk in self._list_store.scan(list_name, unreadable=unreadable):
            known = await asyncio.to_thread(_rows_of, first, chunk)
            yield [entry for entry in chunk if entry.id not in known and written.add(entry.id)]
        if index.state.folded.batches != first.folded.batches:
            # A single entry may have become one of a batch that was added or undone meanwhile.
            async for rows in self._rows(list_name, index.state, first):
                yield [entry for entry in rows if written.add(entry.id)]

    async def in_memory(self, list_name: str) -> AsyncGenerator[list[Entry]]:
        """All entries of a list as this process has them, each once, some at a time: as of the moment when that was
        begun. Raises DamagedSegment: a file of a batch is damaged."""
        state, ids = self._matcher.batches(list_name).state, list(self._matcher.single_entries(list_name))
        for some in batched(ids, ENTRIES_PER_SLICE):
            single = self._matcher.single_entries(list_name)
            yield [entry for each in some if (entry := single.get(each))]
            await asyncio.sleep(0)
        async for rows in self._rows(list_name, state, None):
            single = self._matcher.single_entries(list_name)
            yield [entry for entry in rows if entry.id not in single] if single else rows

    async def _rows(self, list_name: str, state: BatchState, before: BatchState | None) -> AsyncGenerator[list[Entry]]:
        """The entries of rows that are on, without those whose values were so before."""
        pieces = _pieces(state, before)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            single = self._matcher.single_entries(list_name)
            yield [single.get(entry.id, entry) for entry in piece]


def _pieces(state: BatchState, before: BatchState | None) -> Iterator[list[Entry]]:
    rows = state.listed if before is None else not_listed_in(before, state)
    for piece in row_pieces(state, rows):
        yield [entry for _, entry in piece]


def _rows_of(state: BatchState, entries: Sequence[Entry]) -> set[str]:
    """Ids of those of these entries that are rows of batches too."""
    if not state.counts.total() or not len(places_of(state, entries)):
        return set()
    return {entry.id for entry in entries if state.ref_of(entry.signal)}


def _is_valid(position: _RowPosition, state: BatchState) -> bool:
    """Whether none of the batches that a place is among is undone."""
    return position.batches == _acting(state, position.until)


def _acting(state: BatchState, until: int) -> str:
    """A digest of the batches up to a version that are not undone."""
    ids = [batch.id for batch in state.folded.batches if not batch.undone and batch.version <= until]
    return hashlib.blake2b(" ".join(ids).encode(), digest_size=4).hexdigest()


def check_cursor(text: str) -> None:
    """Raises InvalidValue if it is no cursor of `page`."""
    if _RowPosition.parse(text) is None:
        _number(text)


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise InvalidValue("not a cursor of this route", "cursor")
    return int(text)

"""Removals of rows of batches: some one by one, or many at once by a batch that has no rows and takes others off."""

import asyncio
import secrets
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from edgeward.errors import Conflict
from edgeward.lists.batches.announcements import Announcements
from edgeward.lists.batches.batch_store import BatchesChanged, Numbers, RemovedRow, StoredBatches
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.batch_states import BatchStates
from edgeward.matching.batches.batch_index import BatchState
from edgeward.matching.batches.listed_rows import ListedRows
from edgeward.matching.batches.row_sets import (
    copies_of,
    entries_of,
    find_rows,
    places_of,
    refs_of,
    size_of,
    switch_off,
    with_copies,
)
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.types import Batch, Change, Entry, RowRef
from edgeward.types.batches import removes_field

MAX_SINGLE = 1000
"""Rows that are removed one by one. Each is a change of the lists."""
MAX_ATTEMPTS = 100
"""How often it is tried anew if the batches of the list change meanwhile. Each time another change succeeds."""

type Choice = Callable[[BatchState], ListedRows]
"""Chooses among the rows of a list's batches."""


class ChosenRows(NamedTuple):
    """Rows that are removed, or would be.

    Attributes:
        total: how many they are, without those that are single entries too.
        entries: the first of them.
        version: of the lists, made by their removal; 0: there is none.
    """

    total: int
    entries: Sequence[Entry]
    version: int = 0


class RowRemovals:
    """Takes rows of batches off the lists of one store. Each call removes what is listed at its end."""

    def __init__(self, store: Store, list_store: ListStore, states: BatchStates) -> None:
        self._clock, self._batches, self._states = store.clock, list_store.batches, states
        self._announcements = Announcements(store, list_store.membership)

    async def remove(self, list_name: str, ids: Sequence[str], who: str, why: str = "") -> list[Change]:
        """Remove the rows of those of these entries that batches list.

        Raises:
            Conflict: others change the batches again and again.
            Unavailable, DamagedSegment: their files can't be written, or are damaged.
        """
        for _ in range(MAX_ATTEMPTS):
            if not (await self._batches.count([list_name]))[0]:
                return []
            stored, state = await self._states.now(list_name)
            refs = await asyncio.to_thread(find_rows, state, list_name, ids)
            rows = await asyncio.to_thread(_removed_rows, state, refs)
            try:
                return await self._batches.remove_rows(list_name, rows, stored.last, who, why) if rows else []
            except BatchesChanged:
                continue
        raise _too_many_changes(list_name)

    async def choose(self, list_name: str, choice: Choice, singles: Sequence[Entry], limit: int) -> ChosenRows:
        """What `remove_chosen` would remove, with the first `limit` entries."""
        if not (await self._batches.count([list_name]))[0]:
            return ChosenRows(0, ())
        _, state = await self._states.now(list_name)
        return (await asyncio.to_thread(_chosen, state, choice, singles, limit))[1]

    async def remove_chosen(
        self, list_name: str, choice: Choice, singles: Sequence[Entry], limit: int, who: str, why: str = ""
    ) -> ChosenRows:
        """Remove the chosen rows: more than MAX_SINGLE of them in one step, as one version of the lists.

        Args:
            choice: called in a thread, again if others change the batches meanwhile.
            singles: the single entries that rows are too, which are counted elsewhere.
            limit: how many entries are returned.

        Raises:
            NotFound: there is no such list any more.
            Conflict: others change the batches again and again.
            Unavailable, DamagedSegment: their files can't be written, or are damaged.
        """
        for _ in range(MAX_ATTEMPTS):
            if not (await self._batches.count([list_name]))[0]:
                return ChosenRows(0, ())
            stored, state = await self._states.now(list_name)
            rows, chosen = await asyncio.to_thread(_chosen, state, choice, singles, limit)
            total = size_of(rows)
            if not total:
                return chosen
            try:
                if total > MAX_SINGLE:
                    all_rows = await asyncio.to_thread(with_copies, state, rows)
                    version = await self._commit(list_name, all_rows, total, stored, who, why)
                else:
                    some = await asyncio.to_thread(_removed_rows, state, refs_of(state, rows))
                    changes = await self._batches.remove_rows(list_name, some, stored.last, who, why)
                    version = changes[-1].version if changes else 0
            except BatchesChanged:
                continue
            return chosen._replace(version=version)
        raise _too_many_changes(list_name)

    async def _commit(
        self, list_name: str, rows: ListedRows, total: int, stored: StoredBatches, who: str, why: str
    ) -> int:
        """Make a batch act that takes these rows off, of which `total` are listed. Returns its version.

        Raises:
            NotFound: there is no such list any more.
            BatchesChanged: its batches have changed.
        """
        counts = {batch_id: rows.count(batch_id, 0, 8 * len(rows.of(batch_id))) for batch_id in rows.bases}
        counts = {batch_id: count for batch_id, count in counts.items() if count}
        batch = Batch(secrets.token_hex(8), list_name, who, self._clock.now(), why, removes=counts)
        data = [(removes_field(batch_id), zlib.compress(rows.of(batch_id).tobytes())) for batch_id in counts]
        try:
            await self._batches.data.write(batch.id, data)
            await self._announcements.announce(batch)
            await self._announcements.wait_ready(batch.id)
            change = await self._batches.commit(batch, stored.last, Numbers(0, 0, total))
        finally:
            # If the store is away, what is left is a mask, which takes little.
            with suppress(*STORE_AWAY):
                await self._announcements.forget(batch.id)
                await self._batches.discard(list_name, batch.id)
        return change.version


def _removed_rows(state: BatchState, refs: Sequence[RowRef]) -> list[RemovedRow]:
    rows = []
    for ref in refs:
        entry = state.provenance.entry(ref.batch, ref.row)
        rows.append(RemovedRow(ref, entry, [each for each in copies_of(state, entry.signal) if each != ref]))
    return rows


def _chosen(state: BatchState, choice: Choice, singles: Sequence[Entry], limit: int) -> tuple[ListedRows, ChosenRows]:
    """The chosen rows, and what is said of them."""
    rows = choice(state)
    alone = ListedRows({batch.id: batch.rows for batch in state.folded.batches})
    alone.bits[:] = rows.bits
    if alone.bits.any():
        switch_off(alone, places_of(state, singles))
    return rows, ChosenRows(size_of(alone), list(islice(entries_of(state, alone), limit)))


def _too_many_changes(list_name: str) -> Conflict:
    return Conflict(f"the list {list_name!r} is changed by others again and again: try again")

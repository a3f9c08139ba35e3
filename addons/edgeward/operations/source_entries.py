"""What a source has on a list: by single entries and by the rows of batches, and whether nobody else lists it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import batched
from typing import Any

from edgeward.imports.source_acts import SourceActs
from edgeward.imports.spool import ListedHash, Spool
from edgeward.lists.known_entries import known_entries
from edgeward.matching.batches.listed_rows import ListedRows
from edgeward.matching.batches.row_sets import bucket_by_bucket, rows_by_acts, rows_of_signals, size_of
from edgeward.operations.services import Services
from edgeward.types import Entry, RowRef, Signal, entry_id

HASHES_PER_CALL = 1000


class OfSource:
    """What one source has on one list, as this process knows the batches when it is made.

    Attributes:
        row_count: how many rows of batches the source lists.
    """

    def __init__(self, services: Services, list_name: str, acts: SourceActs) -> None:
        """Takes some milliseconds for each batch. Raises DamagedSegment: a file of a batch is damaged."""
        self._services, self._list, self._acts = services, list_name, acts
        matcher = services.replica.matcher
        self._state, self._single = matcher.batches(list_name).state, matcher.single_entries(list_name)
        self._own, self._others = rows_by_acts(self._state, acts)
        self.row_count = size_of(self._own)

    async def whole(self) -> AsyncIterator[list[ListedHash]]:
        """All that the source has on the list, in chunks.

        Raises:
            StoreUnavailable: another server took over meanwhile.
            DamagedSegment: a file of a batch is damaged.
        """
        async for some in self._services.list_store.scan(self._list):
            yield await self._single_ones(some)
        rows = self._rows()
        while (piece := await asyncio.to_thread(next, rows, None)) is not None:
            yield piece

    async def known(self, spool: Spool) -> AsyncIterator[list[ListedHash]]:
        """What of a file the source has on the list, in chunks. Raises DamagedSegment: a file of a batch is damaged."""
        hashes = batched(spool.hashes(), HASHES_PER_CALL)
        while some := await asyncio.to_thread(next, hashes, ()):
            ids = [entry_id(self._list, each.signal) for each in some]
            found = await known_entries(self._services.store, self._list, ids)
            yield await self._single_ones([each for each in found.values() if each is not None])
            yield await asyncio.to_thread(self._known_rows, [each.signal for each in some])

    async def _single_ones(self, entries: Sequence[Entry]) -> list[ListedHash]:
        """Those single entries that the source lists."""
        if not entries:
            return []
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        redis: Any = self._services.store.redis
        key = self._services.store.key("{blocklist}", "demands", self._list)
        later = await redis.hmget(key, [each.id for each in entries])
        rows = await asyncio.to_thread(rows_of_signals, self._state, [each.signal for each in entries])
        found = []
        for entry, text in zip(entries, later, strict=True):
            acts = [entry.act, *(text or b"").decode().split()]
            if any(act in self._acts for act in acts):
                ref = rows.get(entry.signal)
                alone = all(act in self._acts for act in acts) and not (ref and _is_in(self._others, ref))
                found.append(ListedHash(entry.signal, alone, entry.source_id))
        return found

    def _known_rows(self, signals: Sequence[Signal]) -> list[ListedHash]:
        found = rows_of_signals(self._state, signals)
        own = sorted((ref, signal) for signal, ref in found.items() if _is_in(self._own, ref))
        return [self._listed_row(signal, ref) for ref, signal in own]

    def _listed_row(self, signal: Signal, ref: RowRef) -> ListedHash:
        source_id = self._state.provenance.entry(ref.batch, ref.row).source_id
        alone = not _is_in(self._others, ref) and entry_id(self._list, signal) not in self._single
        return ListedHash(signal, alone, source_id)

    def _rows(self) -> Iterator[list[ListedHash]]:
        for bucket in bucket_by_bucket(self._state, self._own):
            refs = [RowRef(bucket.opened.id, row) for row in bucket.rows.tolist()]
            yield [self._listed_row(bucket.bucket.signal(ref.row - bucket.first), ref) for ref in refs]


def _is_in(rows: ListedRows, ref: RowRef) -> bool:
    return rows.is_on(ref.batch, ref.row)

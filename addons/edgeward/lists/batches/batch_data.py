"""The data of batches in the store: their rows, and which rows of earlier batches they add and remove.

{blocklist}:batch:<id>  hash: names and values as types/batches.py describes them
"""

import zlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from itertools import batched
from typing import Any

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.packed_rows import PackedRows
from edgeward.store.connection import Store
from edgeward.types import Batch, Entry, RowRef
from edgeward.types.batches import counts_field, fields_of, row_field
from edgeward.types.signals import entry_id

FIELDS_PER_CALL = 16
"""Buckets that one call reads or writes: about a megabyte."""


class BatchData:
    """Reads and writes the data of batches."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.prefix = store.key("{blocklist}", "batch", "")
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    def key(self, batch_id: str) -> str:
        """The key of the data of a batch."""
        return self.prefix + batch_id

    async def write(self, batch_id: str, data: Iterable[tuple[str, bytes]]) -> None:
        """Write some data of a batch that is not committed."""
        for some in batched(data, FIELDS_PER_CALL):
            await self._redis.hset(self.key(batch_id), mapping=dict(some))

    async def discard(self, batch_id: str) -> None:
        """Remove the data of a batch that will not be committed."""
        await self._redis.unlink(self.key(batch_id))

    async def exists(self, batch_id: str) -> bool:
        """Whether a batch has data."""
        return bool(await self._redis.exists(self.key(batch_id)))

    async def read(self, batch: Batch) -> AsyncIterator[tuple[str, bytes]]:
        """All data of a batch, in the order of `fields_of`, without those that it does not have."""
        for names in batched(fields_of(batch), FIELDS_PER_CALL):
            found = await self._redis.hmget(self.key(batch.id), names)
            for name, value in zip(names, found, strict=True):
                if value is not None:
                    yield name, bytes(value)

    async def value(self, batch_id: str, name: str) -> bytes | None:
        """One of the data of a batch; None if it does not have it."""
        found = await self._redis.hget(self.key(batch_id), name)
        return None if found is None else bytes(found)

    async def has_row(self, name: str, batch_id: str, row: int) -> bool:
        """Whether a row is in a mask, the data of this name of a batch; False if it does not have it.

        Raises:
            DamagedSegment: the mask can't be read.
        """
        compressed = await self.value(batch_id, name)
        if compressed is None:
            return False
        try:
            mask = zlib.decompressobj().decompress(compressed, row // 8 + 1)
        except zlib.error:
            raise DamagedSegment(f"{name} of the batch {batch_id} can't be read") from None
        return row // 8 < len(mask) and bool(mask[row // 8] & 0x80 >> row % 8)

    async def find(self, batch: Batch, ids: Collection[str]) -> dict[str, tuple[RowRef, Entry]]:
        """By id, those of these entries that a batch has a row for, as its own rows say. They need not be listed.

        Raises:
            DamagedSegment: its rows can't be read.
        """
        found: dict[str, tuple[RowRef, Entry]] = {}
        for number, part in enumerate(batch.parts):
            in_bucket: dict[int, set[str]] = {}
            for each in ids:
                in_bucket.setdefault(part.bucket_of(each), set()).add(each)
            counts = await self._counts(batch, number) if in_bucket else ()
            for some in batched(sorted(in_bucket), FIELDS_PER_CALL):
                names = [row_field(number, bucket) for bucket in some]
                packed = await self._redis.hmget(self.key(batch.id), names)
                for bucket, text in zip(some, packed, strict=True):
                    if text is not None:
                        first = part.first + sum(counts[:bucket])
                        rows = PackedRows(bytes(text), part)
                        found |= _find_in(rows, batch, first, in_bucket[bucket])
        return found

    async def _counts(self, batch: Batch, part: int) -> Sequence[int]:
        packed = await self.value(batch.id, counts_field(part)) or b""
        counts = memoryview(packed).cast("I") if len(packed) % 4 == 0 else ()
        if len(counts) != batch.parts[part].buckets:
            raise DamagedSegment(f"the store lacks data of the batch {batch.id}")
        return counts


def _find_in(rows: PackedRows, batch: Batch, first: int, ids: Collection[str]) -> Mapping[str, tuple[RowRef, Entry]]:
    found: dict[str, tuple[RowRef, Entry]] = {}
    for number in range(len(rows)):
        if (each := entry_id(batch.list, rows.signal(number))) in ids:
            found[each] = RowRef(batch.id, first + number), rows.entry(number, batch)
    return found

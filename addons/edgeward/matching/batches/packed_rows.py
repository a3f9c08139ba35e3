"""The rows of one bucket of a batch as bytes: values side by side, and what sources say of them, compressed.

A row takes its value, a byte for its quality if its type has one, and what its source's id, tags and reason compress
to. `PackedRows` reads values without reading the rest.
"""

import json
import struct
import zlib
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeward.errors import DamagedSegment
from edgeward.types import Batch, Entry, Part, Signal

FORMAT = 1
ROWS_PER_BUCKET = 1000
"""About; ids are digests, so buckets are evenly filled."""
MAX_ROWS = 1 << 20
"""Of one bucket."""
MAX_DETAILS_BYTES = 1 << 28
"""Of one bucket, uncompressed."""
NO_QUALITY = 255
_HEADER = struct.Struct("<BBHI")
"""Format, whether there are qualities, bytes of a value, number of rows."""
_LEVEL = 6


class Row(NamedTuple):
    """A row. `reason` is "" if it is that of the batch."""

    value: bytes
    quality: int | None = None
    reason: str = ""
    source_id: str = ""
    tags: tuple[str, ...] = ()


def bucket_bits(rows: int) -> int:
    """How many bits of an id number the buckets of a part with so many rows."""
    return max(0, (rows // ROWS_PER_BUCKET).bit_length())


def pack(rows: Sequence[Row], size: int) -> bytes:
    """The rows of one bucket, all with values of `size` bytes."""
    has_quality = any(row.quality is not None for row in rows)
    parts = [_HEADER.pack(FORMAT, has_quality, size, len(rows)), b"".join(row.value for row in rows)]
    if has_quality:
        parts.append(bytes(NO_QUALITY if row.quality is None else row.quality for row in rows))
    columns: dict[str, Sequence[Any]] = {
        "reason": [row.reason for row in rows],
        "source_id": [row.source_id for row in rows],
        "tags": [row.tags for row in rows],
    }
    details = {name: column for name, column in columns.items() if any(column)}
    if details:
        parts.append(zlib.compress(json.dumps(details, separators=(",", ":")).encode(), _LEVEL))
    return b"".join(parts)


class PackedRows:
    """The rows of one bucket.

    Attributes:
        values: array of (rows, bytes of a value).
    """

    def __init__(self, packed: bytes, part: Part) -> None:
        """Raises DamagedSegment: these are no rows of this part."""
        try:
            found_format, has_quality, size, count = _HEADER.unpack_from(packed)
        except struct.error:
            raise DamagedSegment("rows of a batch are cut short") from None
        if found_format != FORMAT or size != part.size or count > MAX_ROWS:
            raise DamagedSegment(f"rows of a batch are of format {found_format}, with {count} values of {size} bytes")
        end = _HEADER.size + count * size
        self._details_at = end + (count if has_quality else 0)
        if len(packed) < self._details_at:
            raise DamagedSegment("rows of a batch are cut short")
        self._packed, self._part, self._count = packed, part, int(count)
        self.values: NDArray[np.uint8] = np.frombuffer(packed, np.uint8, count * size, _HEADER.size).reshape(-1, size)
        self._qualities = packed[end : self._details_at]
        self._details: dict[str, Sequence[Any]] | None = None

    def __len__(self) -> int:
        return self._count

    def signal(self, number: int) -> Signal:
        """The signal of a row, by its number in the bucket."""
        quality = self._qualities[number] if self._qualities else NO_QUALITY
        value = self.values[number].tobytes().hex()
        return Signal(self._part.type, value, None if quality == NO_QUALITY else quality)

    def row(self, number: int) -> Row:
        """A row, by its number in the bucket. Raises DamagedSegment."""
        signal, details = self.signal(number), self._read_details()

        def detail(name: str) -> Any:
            column = details.get(name)
            return column[number] if column else ""

        value, tags = self.values[number].tobytes(), tuple(detail("tags"))
        return Row(value, signal.quality, detail("reason"), detail("source_id"), tags)

    def of_sources(self, source_ids: Collection[str]) -> list[int]:
        """The numbers of the rows that have one of these ids of their sources. Raises DamagedSegment."""
        column = self._read_details().get("source_id", ())
        return [number for number, source_id in enumerate(column) if source_id in source_ids]

    def entry(self, number: int, batch: Batch) -> Entry:
        """The entry of a row of this batch, by its number in the bucket. Raises DamagedSegment."""
        row = self.row(number)
        return Entry(
            batch.list,
            Signal(self._part.type, row.value.hex(), row.quality),
            row.reason or batch.why,
            batch.by,
            batch.at,
            batch.act,
            row.source_id,
            row.tags,
        )

    def _read_details(self) -> dict[str, Sequence[Any]]:
        if self._details is None:
            self._details = _details(self._packed[self._details_at :], self._count)
        return self._details


def _details(compressed: bytes, count: int) -> dict[str, Sequence[Any]]:
    if not compressed:
        return {}
    try:
        text = zlib.decompressobj().decompress(compressed, MAX_DETAILS_BYTES)
        details: dict[str, Sequence[Any]] = json.loads(text)
        lengths = {len(column) for column in details.values()}
    except (zlib.error, ValueError, AttributeError, TypeError):
        raise DamagedSegment("what sources say of rows of a batch can't be read") from None
    if lengths - {count}:
        raise DamagedSegment("what sources say of rows of a batch is of another number of rows")
    return details

"""A batch whose files are open: its rows, its masks, and the search for its values."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.batch_database import BatchDatabase
from edgeward.matching.batches.listed_rows import Bits, read_bits
from edgeward.matching.batches.packed_rows import PackedRows
from edgeward.matching.batches.value_search import ValueSearch
from edgeward.types import Batch, Part, Signal, entry_id
from edgeward.types.batches import adds_field, counts_field, fields_of, removes_field, row_field


class RowPlace(NamedTuple):
    """Where a row lies: the number of its part, the rows of its bucket, and its number in that bucket."""

    part: int
    rows: PackedRows
    number: int


class RecentlyUsed[Value]:
    """The values that were used last, of all batches of a process: `size` at most."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value under a key, made if it is not there. May be called from any thread."""
        value = self._values.pop(key, None)
        if value is None:
            value = make()
        self._values[key] = value
        while len(self._values) > self._size:
            try:
                self._values.popitem(last=False)
            except KeyError:  # another thread has removed the last one
                break
        return value


class OpenBatch:
    """The files of a batch. They stay readable if they are removed.

    Attributes:
        id: of the batch.
        parts: its parts.
        rows: number of its rows.
        searches: for each part the search for its values; None if it has no rows. The reference of a value is its row.
    """

    def __init__(
        self,
        batch: Batch,
        database: BatchDatabase,
        searches: Sequence[ValueSearch | None],
        buckets: RecentlyUsed[PackedRows],
    ) -> None:
        """Raises DamagedSegment."""
        self.id, self.parts, self.rows, self.searches = batch.id, batch.parts, batch.rows, searches
        self._batch, self._database, self._buckets = batch, database, buckets
        self._starts = [self._read_starts(number) for number in range(len(batch.parts))]

    def _read_starts(self, number: int) -> NDArray[np.int64]:
        """For each bucket of a part the number of its first row, counted within the part; and the end of the last."""
        part = self.parts[number]
        counts = read_counts(self._database.read(counts_field(number)), part)
        return np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))

    @property
    def segment_bytes(self) -> int:
        """Bytes of its segments."""
        return sum(search.segment.file.size for search in self.searches if search)

    def verify(self) -> Iterator[None]:
        """Compare its segments with their checksums, in steps of some milliseconds. Raises DamagedSegment."""
        for search in self.searches:
            if search:
                yield from search.segment.file.verify()

    def place_of(self, row: int) -> RowPlace:
        """Where a row lies.

        Raises:
            IndexError: there is no such row.
            DamagedSegment: the file is damaged.
        """
        for number, part in enumerate(self.parts):
            if part.first <= row < part.first + part.rows:
                within = row - part.first
                bucket = int(np.searchsorted(self._starts[number], within, "right")) - 1
                rows = self.bucket(number, bucket)
                return RowPlace(number, rows, within - int(self._starts[number][bucket]))
        raise IndexError(f"the batch {self.id} has no row {row}")

    def bucket(self, part: int, bucket: int) -> PackedRows:
        """The rows of a bucket, which must have some. Raises DamagedSegment."""
        return self._buckets.get((self.id, part, bucket), lambda: self._read_bucket(part, bucket))

    def edges(self, part: int) -> NDArray[np.int64]:
        """The first row of each bucket of a part, counted through all parts, and the end of the last."""
        return self._starts[part] + self.parts[part].first

    def bounds(self, part: int, bucket: int) -> tuple[int, int]:
        """The first row of a bucket, counted through all parts, and the end of its last."""
        first, stop = self._starts[part][bucket : bucket + 2].tolist()
        return self.parts[part].first + first, self.parts[part].first + stop

    def bucket_number(self, row: int) -> tuple[int, int]:
        """The number of the part and of the bucket in which a row lies. Rows in the order of their numbers are in the
        order of these. Raises IndexError."""
        for number, part in enumerate(self.parts):
            if part.first <= row < part.first + part.rows:
                return number, int(np.searchsorted(self._starts[number], row - part.first, "right")) - 1
        raise IndexError(f"the batch {self.id} has no row {row}")

    def find(self, list_name: str, wanted: str) -> int | None:
        """The row of the entry with this id on a list; None if there is none. Raises DamagedSegment."""
        for number, part in enumerate(self.parts):
            try:
                bucket = part.bucket_of(wanted)
            except ValueError:
                return None
            first, stop = self.bounds(number, bucket) if part.rows else (0, 0)
            low, high = 0, stop - first
            if low == high:
                continue
            rows = self.bucket(number, bucket)
            while low < high:
                middle = (low + high) // 2
                if id_of(list_name, part, rows, middle) < wanted:
                    low = middle + 1
                else:
                    high = middle
            if low < len(rows) and id_of(list_name, part, rows, low) == wanted:
                return first + low
        return None

    def data(self) -> Iterator[tuple[str, bytes]]:
        """All data of the batch, in the order of `fields_of`, as they were written. Raises DamagedSegment."""
        empty = {
            row_field(number, bucket)
            for number, part in enumerate(self.parts)
            for bucket, count in enumerate(np.diff(self._starts[number]).tolist())
            if not count
        }
        for name in fields_of(self._batch):
            if name not in empty:
                yield name, self._database.read(name)

    def value_of(self, row: int) -> bytes:
        """The value of a row, from its segment: slower than to read the row. Raises IndexError."""
        number, _ = self.bucket_number(row)
        search = self.searches[number]
        assert search is not None
        segment = search.segment
        return bytes(segment.values[np.flatnonzero(segment.refs == row)[0]].tobytes())

    def adds(self, batch_id: str, rows: int) -> Bits:
        """Which of the `rows` rows of an earlier batch this one adds. Raises DamagedSegment."""
        return self._mask(adds_field(batch_id), rows)

    def removes(self, batch_id: str, rows: int) -> Bits:
        """Which of the `rows` rows of an earlier batch this one takes off the list. Raises DamagedSegment."""
        return self._mask(removes_field(batch_id), rows)

    def check(self, name: str) -> None:
        """Read data. Raises DamagedSegment."""
        self._database.read(name)

    def _mask(self, name: str, rows: int) -> Bits:
        try:
            return read_bits(self._database.read(name), rows)
        except DamagedSegment as error:
            raise self._named(name, error) from None

    def _read_bucket(self, part: int, bucket: int) -> PackedRows:
        name = row_field(part, bucket)
        try:
            rows = PackedRows(self._database.read(name), self.parts[part])
        except DamagedSegment as error:
            raise self._named(name, error) from None
        first, stop = self.bounds(part, bucket)
        if len(rows) != stop - first:
            raise DamagedSegment(f"{self._database.path}: {name} has {len(rows)} rows instead of {stop - first}")
        return rows

    def _named(self, name: str, error: DamagedSegment) -> DamagedSegment:
        path = str(self._database.path)
        return error if str(error).startswith(path) else DamagedSegment(f"{path}: {name}: {error}")


def id_of(list_name: str, part: Part, rows: PackedRows, number: int) -> str:
    """The id of the entry of a row, by its number in the bucket."""
    return entry_id(list_name, Signal(part.type, rows.values[number].tobytes().hex()))


def read_counts(data: bytes, part: Part) -> NDArray[np.uint32]:
    """How many rows each bucket of a part has (`counts_field`). Raises DamagedSegment: these are of another part."""
    if len(data) != 4 * part.buckets:
        raise DamagedSegment(f"counts of {len(data) // 4} buckets instead of {part.buckets}")
    counts = np.frombuffer(data, "<u4")
    if (total := int(counts.sum(dtype=np.int64))) != part.rows:
        raise DamagedSegment(f"the counts of buckets are {total} rows instead of {part.rows}")
    return counts

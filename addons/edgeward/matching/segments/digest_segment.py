"""A segment of digests, which are searched for equality: sorted, with a table of where each prefix begins.

A lookup is a binary search among the digests that share a prefix: one or two of even values, and never more than 32
steps for digests that were made to share one.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeward.matching.segments.bucket_sort import CHUNK_ROWS, bucket_sort
from edgeward.matching.segments.segment_file import (
    Array,
    Section,
    SegmentFile,
    new_file,
    partial_path,
)
from edgeward.matching.segments.segment_rows import Numbers, Rows, Values, ValueType, copy_rows

MAX_PREFIX_BITS = 26
QUERIES_PER_PIECE = 1 << 12
_PREFIX_BYTES = 4
_KEY_BYTES = 8


class DigestSegment:
    """Digests that are read from a file in place, in ascending order. Digests may repeat."""

    def __init__(self, file: SegmentFile) -> None:
        self.file = file
        self.values: Values = file.arrays["values"]
        self.refs = file.arrays["refs"]
        self._texts = _texts(self.values)
        self._table: NDArray[np.uint32] = file.arrays["table"]
        self._prefix_bits: int = file.facts["prefix_bits"]

    def __len__(self) -> int:
        return len(self.values)

    def equal(self, values: Values) -> Iterator[tuple[Numbers, Numbers]]:
        """Every pair (position in `values`, row) of equal digests, in pieces of a few milliseconds."""
        for start in range(0, len(values), QUERIES_PER_PIECE):
            some = np.ascontiguousarray(values[start : start + QUERIES_PER_PIECE])
            for numbers, rows in self._equal(some):
                yield numbers + start, rows

    def _equal(self, values: Values) -> Iterator[tuple[Numbers, Numbers]]:
        wanted, prefixes = _texts(values), _prefixes(values, self._prefix_bits).view(np.int64)
        low = np.take(self._table, prefixes).astype(np.int64)
        end = np.take(self._table, prefixes + 1).astype(np.int64)
        high = end.copy()
        while len(open_ := np.flatnonzero(low < high)):
            middle = (low[open_] + high[open_]) // 2
            less = np.take(self._texts, middle) < wanted[open_]
            low[open_[less]] = middle[less] + 1
            high[open_[~less]] = middle[~less]
        numbers = np.flatnonzero(low < end)
        while len(numbers := numbers[np.take(self._texts, low[numbers]) == wanted[numbers]]):
            yield numbers, low[numbers]
            low[numbers] += 1
            numbers = numbers[low[numbers] < end[numbers]]


def write_digest_segment(path: Path, kind: ValueType, count: int, rows: Iterable[Rows]) -> Iterator[float]:
    """Write `count` rows as a segment, as `write_hamming_segment` does, in any order.

    Digests that share a prefix are sorted in memory. Even ones take some 100 MB.
    """
    if count >> 32:
        raise ValueError(f"{count} rows are too many for a segment")
    prefix_bits = min(max(count.bit_length() - 1, 1), MAX_PREFIX_BITS, kind.bits)
    facts = {"signal": kind.signal, "bits": kind.bits, "prefix_bits": prefix_bits}
    columns = {"values": Section("|u1", (count, kind.size)), "refs": Section("<u8", (count,))}
    unsorted = path.with_name(f"{path.name}.unsorted")
    sections = {**columns, "table": Section("<u4", ((1 << prefix_bits) + 1,))}
    with new_file(unsorted, {}, columns) as source, new_file(path, facts, sections) as writer:
        partial_path(unsorted).unlink()  # it is not finished: nothing but this process needs its name
        for _ in copy_rows(rows, source.arrays["values"], source.arrays["refs"]):
            yield 0.0
        for _ in _sort_by_prefix(source.arrays, writer.arrays, prefix_bits):
            yield 0.3
        for _ in _sort_within_prefixes(writer.arrays):
            yield 0.6
        for _ in writer.finish():
            yield 1.0


def _sort_by_prefix(source: Mapping[str, Array], target: Mapping[str, Array], prefix_bits: int) -> Iterator[None]:
    values, refs = source["values"], source["refs"]

    def prefixes(start: int, stop: int) -> NDArray[np.uint64]:
        return _prefixes(values[start:stop], prefix_bits)

    def place(places: Numbers, rows: Numbers) -> None:
        target["values"][places] = np.take(values, rows, axis=0)
        target["refs"][places] = refs[rows]

    return bucket_sort(len(values), prefixes, target["table"], place)


def _sort_within_prefixes(arrays: Mapping[str, Array]) -> Iterator[None]:
    """Sort rows that are in the order of their prefixes, a number of whole prefixes at a time."""
    values, refs, table = arrays["values"], arrays["refs"], arrays["table"]
    start = 0
    while start < len(values):
        # The last prefix that ends within a chunk; if the first is larger than that, it alone.
        prefix = np.searchsorted(table, start + CHUNK_ROWS, "right") - 1
        if table[prefix] <= start:
            prefix += 1
        end = int(table[prefix])
        part = values[start:end]
        order = _sorted_order(part)
        values[start:end], refs[start:end] = np.take(part, order, axis=0), refs[start:end][order]
        start = end
        yield


def _sorted_order(values: Values) -> Numbers:
    """The order that sorts values: by their first eight bytes, and by all if some share those."""
    keys = _first_bytes(values, _KEY_BYTES).view(">u8").astype(np.uint64).reshape(-1)
    order = np.argsort(keys)
    keys = keys[order]
    if (keys[1:] == keys[:-1]).any():
        return np.argsort(_texts(values), kind="stable")
    return order


def _prefixes(values: Values, prefix_bits: int) -> NDArray[np.uint64]:
    """The first bits of each value as a number."""
    first = _first_bytes(values, _PREFIX_BYTES).view(">u4").astype(np.uint64).reshape(-1)
    first >>= np.uint64(8 * _PREFIX_BYTES - prefix_bits)
    return first


def _first_bytes(values: Values, number: int) -> Values:
    """The first bytes of each value, with zeros after those of shorter ones."""
    if values.shape[1] >= number:
        return np.ascontiguousarray(values[:, :number])
    first = np.zeros((len(values), number), np.uint8)
    first[:, : values.shape[1]] = values
    return first


def _texts(values: Values) -> NDArray[np.bytes_]:
    """The values as byte strings of one length, which numpy compares byte by byte."""
    return values.view(f"S{values.shape[1]}").reshape(-1)

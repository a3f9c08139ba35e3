"""A segment of values that are searched by Hamming distance: the values, their references, and their bands."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from edgeward.matching.segments.band_layout import SCAN_COST, BandLayout, best_layout
from edgeward.matching.segments.band_search import Bands
from edgeward.matching.segments.bucket_sort import bucket_sort
from edgeward.matching.segments.row_scan import NearRows, equal_rows, near_among, scan_rows
from edgeward.matching.segments.segment_file import Array, Section, SegmentFile, new_file
from edgeward.matching.segments.segment_rows import (
    HAMMING,
    WORD_BYTES,
    Metric,
    Numbers,
    Rows,
    Values,
    ValueType,
    Words,
    copy_rows,
    words_of,
)

MIN_VALUES_TO_SORT = 32
"""Fewer values are searched for equality one by one, as if by distance."""
MAX_EQUAL_CANDIDATES = 1000
"""Rows that are compared for one value to find equal ones. If there are more, values are sorted, and found by that."""
VALUES_PER_PIECE = 1 << 12
"""Values whose keys are made together, to find equal ones: some milliseconds."""
_KEY_ROWS = 1 << 15
"""Rows whose keys are made together: their words stay in the processor's cache."""


class HammingSegment:
    """Values that are read from a file in place. Values may repeat."""

    def __init__(self, file: SegmentFile, metric: Metric = HAMMING) -> None:
        self.file = file
        self._metric = metric
        self.values: Values = file.arrays["values"]
        self.refs = file.arrays["refs"]
        self._words = words_of(self.values)
        self._bands: Bands | None = None
        if "table" in file.arrays:
            layout = BandLayout(**file.facts["layout"])
            self._bands = Bands(layout, file.arrays["table"], file.arrays["order"])

    def __len__(self) -> int:
        return len(self._words)

    def near(self, values: Values, radius: int) -> Iterator[NearRows]:
        """Every pair (value, row) within the radius, in pieces of a few milliseconds. Some pairs may come twice."""
        queries = words_of(values)
        bands, scan_cost = self._bands, len(self) * SCAN_COST
        if bands is None or bands.layout.cost(radius, len(self)) > scan_cost:
            yield from scan_rows(self._words, queries, radius, self._metric)
            return
        costly: list[int] = []
        keys = bands.layout.keys(values[:, self._metric.leading_words * WORD_BYTES :])
        for numbers, rows in bands.candidates(keys, radius, scan_cost, costly):
            yield near_among(self._words, queries, numbers, rows, radius, self._metric)
        if costly:
            places = np.array(costly)
            for numbers, rows, apart in scan_rows(self._words, queries[places], radius, self._metric):
                yield places[numbers], rows, apart

    def equal(self, values: Values) -> Iterator[tuple[Numbers, Numbers]]:
        """Every pair (position in `values`, row) of equal values, in pieces of a few milliseconds."""
        if len(values) < MIN_VALUES_TO_SORT:
            yield from ((numbers, rows) for numbers, rows, _ in self.near(values, 0))
            return
        costly: list[int] = []
        if self._bands:
            for start in range(0, len(values), VALUES_PER_PIECE):
                yield from self._equal_by_bands(self._bands, values[start : start + VALUES_PER_PIECE], start, costly)
        places = np.array(costly, np.int64) if self._bands else np.arange(len(values))
        if len(places):
            yield from ((places[numbers], rows) for numbers, rows in equal_rows(self.values, values[places]))

    def _equal_by_bands(
        self, bands: Bands, values: Values, first: int, costly: list[int]
    ) -> Iterator[tuple[Numbers, Numbers]]:
        queries, given_up = words_of(values), list[int]()
        keys = bands.layout.keys(values[:, self._metric.leading_words * WORD_BYTES :])
        for numbers, rows in bands.equal_candidates(keys, MAX_EQUAL_CANDIDATES, given_up):
            places, found, _ = near_among(self._words, queries, numbers, rows, 0, self._metric)
            yield places + first, found
        costly += [first + number for number in given_up]


def write_hamming_segment(path: Path, kind: ValueType, count: int, rows: Iterable[Rows]) -> Iterator[float]:
    """Write `count` rows as a segment. Yields the share that is done, some times a second; close it to give up.

    Takes some 50 MB of memory besides the file's, however many rows there are.

    Raises:
        OSError: the disk is full, or the directory can't be written to.
        ValueError: there are more or fewer than `count` rows, or more than 2**32 - 1.
    """
    if count >> 32:
        raise ValueError(f"{count} rows are too many for a segment")
    leading = kind.metric.leading_words
    layout = best_layout(count, kind.bits - leading * 8 * WORD_BYTES)
    sections = {"values": Section("|u1", (count, kind.size)), "refs": Section("<u8", (count,))}
    if layout:
        sections["table"] = Section("<u4", (layout.bands, (1 << layout.width) + 1))
        sections["order"] = Section("<u4", (layout.bands, count))
    facts = {"signal": kind.signal, "bits": kind.bits, "leading_words": leading}
    if layout:
        facts["layout"] = layout._asdict()
    with new_file(path, facts, sections) as writer:
        for _ in copy_rows(rows, writer.arrays["values"], writer.arrays["refs"]):
            yield 0.0
        if layout:
            words = words_of(writer.arrays["values"])[:, leading:]
            for band in range(layout.bands):
                for _ in _sort_by_band(layout, band, words, writer.arrays["table"][band], writer.arrays["order"][band]):
                    yield band / layout.bands
        for _ in writer.finish():
            yield 1.0


def _sort_by_band(layout: BandLayout, band: int, words: Words, table: Array, order: Array) -> Iterator[None]:
    def keys(start: int, stop: int) -> Words:
        found = np.empty(stop - start, np.uint64)
        for first in range(start, stop, _KEY_ROWS):
            columns = np.ascontiguousarray(words[first : min(first + _KEY_ROWS, stop)].T)
            found[first - start : first - start + columns.shape[1]] = layout.keys_of(band, columns)
        return found

    def place(places: Numbers, rows: Numbers) -> None:
        order[places] = rows

    return bucket_sort(len(words), keys, table, place)

"""Sets of rows of a list's batches, as bits: those of one act, those that entries have, and how to read them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from itertools import batched, pairwise
from typing import NamedTuple

import numpy as np

from edgeward.matching.batches.batch_index import BatchState
from edgeward.matching.batches.listed_rows import ListedRows
from edgeward.matching.batches.open_batch import OpenBatch, RowPlace
from edgeward.matching.batches.packed_rows import PackedRows
from edgeward.matching.batches.provenance import Provenance
from edgeward.matching.segments.segment_rows import Numbers, Values
from edgeward.types import Entry, Part, RowRef, Signal

VALUES_PER_LOOK = 10_000
"""Values that are looked for together."""
ROWS_PER_LOOK = 100_000
"""Rows among which those that are listed are looked for together."""


class BucketRows(NamedTuple):
    """Some rows of one bucket of a batch, which is one of a part and begins with row `first`."""

    opened: OpenBatch
    part: Part
    rows: Numbers
    values: Values
    bucket: PackedRows
    first: int

    def entries(self, provenance: Provenance) -> list[Entry]:
        """Their entries, in order. Raises DamagedSegment."""
        number = self.opened.parts.index(self.part)
        places = ((row, RowPlace(number, self.bucket, row - self.first)) for row in self.rows.tolist())
        return [provenance.entry_in(self.opened.id, row, place) for row, place in places]


def no_rows(state: BatchState) -> ListedRows:
    """A set for rows of these batches, without any."""
    return ListedRows({batch.id: batch.rows for batch in state.folded.batches})


def size_of(rows: ListedRows) -> int:
    """How many rows there are in a set."""
    return int(np.bitwise_count(rows.bits).sum(dtype=np.int64))


def switch_on(rows: ListedRows, places: Numbers) -> None:
    """Add the rows at these places among the bits of all batches."""
    np.bitwise_or.at(rows.bits, places >> 3, (0x80 >> (places & 7)).astype(np.uint8))


def switch_off(rows: ListedRows, places: Numbers) -> None:
    """Take out the rows at these places."""
    np.bitwise_and.at(rows.bits, places >> 3, ~(0x80 >> (places & 7)).astype(np.uint8))


def take_out(rows: ListedRows, refs: Iterable[RowRef]) -> None:
    """Take out these rows."""
    switch_off(rows, np.array([rows.bases[ref.batch] + ref.row for ref in refs], np.int64))


def not_listed_in(before: BatchState, state: BatchState) -> ListedRows:
    """The listed rows of a state whose values no row had that was listed before. Raises DamagedSegment."""
    found = no_rows(state)
    for each in bucket_by_bucket(state, state.listed):
        new = np.delete(each.rows, listed_places(before, each.part.type, each.values)[0])
        switch_on(found, new + found.bases[each.opened.id])
    return found


def rows_of_act(state: BatchState, act: str) -> ListedRows:
    """The listed rows whose entries this act has listed: those of its batches, and those of undone ones that it was the
    first to add."""
    found = no_rows(state)
    for batch in state.folded.batches:
        left = state.listed.of(batch.id).copy()
        if not batch.undone:
            if batch.act == act:
                found.of(batch.id)[:] = left
            continue
        for other in state.folded.batches:
            if not other.undone and batch.id in other.adds and left.any():
                added = state.opened[other.id].adds(batch.id, batch.rows)
                if other.act == act:
                    found.of(batch.id)[:] |= left & added
                left &= ~added
    return found


def rows_by_acts(state: BatchState, acts: Container[str]) -> tuple[ListedRows, ListedRows]:
    """The listed rows that batches of these acts list, and those that batches of others list. A row may be in both."""
    ours, others = no_rows(state), no_rows(state)
    for batch in state.folded.batches:
        if batch.undone:
            continue
        found = ours if batch.act in acts else others
        found.set_all(batch.id)
        for other_id in batch.adds:
            if (other := state.opened.get(other_id)) is not None:
                bits = found.of(other_id)
                bits |= state.opened[batch.id].adds(other_id, other.rows)
    for found in (ours, others):
        found.bits &= state.listed.bits
    return ours, others


def rows_where(state: BatchState, wanted: Callable[[Entry], bool]) -> ListedRows:
    """The listed rows whose entries are wanted. Reads all entries: some microseconds for each."""
    found = no_rows(state)
    for each in bucket_by_bucket(state, state.listed):
        chosen = np.array([wanted(entry) for entry in each.entries(state.provenance)], np.bool_)
        switch_on(found, each.rows[chosen] + found.bases[each.opened.id])
    return found


def rows_of_sources(state: BatchState, source_ids: Collection[str]) -> ListedRows:
    """The listed rows that have one of these ids of their sources. Raises DamagedSegment."""
    found = no_rows(state)
    refs = state.provenance.rows_of_sources(source_ids)
    switch_on(found, np.array([found.bases[ref.batch] + ref.row for ref in refs], np.int64))
    return found


def places_of(state: BatchState, entries: Iterable[Entry]) -> Numbers:
    """The places of the listed rows that have the values of these entries."""
    by_kind = _by_kind(state, (entry.signal for entry in entries))
    found = [listed_places(state, signal_type, values)[1] for signal_type, values, _ in by_kind]
    return np.concatenate([np.zeros(0, np.int64), *found])


def rows_of_signals(state: BatchState, signals: Iterable[Signal]) -> dict[Signal, RowRef]:
    """By signal, the listed rows that have the values of these signals."""
    found: dict[Signal, RowRef] = {}
    for signal_type, values, some in _by_kind(state, signals):
        located = state.locate(signal_type, values.shape[1], values)
        for number in np.flatnonzero(located.on).tolist():
            found[some[number]] = RowRef(located.batches[int(located.batch[number])], int(located.row[number]))
    return found


def entries_of_signals(state: BatchState, signals: Iterable[Signal]) -> list[Entry]:
    """The entries of the listed rows that have the values of these signals. Raises DamagedSegment."""
    refs = sorted(rows_of_signals(state, signals).values())  # a bucket at a time
    return [state.provenance.entry(ref.batch, ref.row) for ref in refs]


def _by_kind(state: BatchState, signals: Iterable[Signal]) -> Iterator[tuple[str, Values, Sequence[Signal]]]:
    """Signals of the types and lengths that batches have, some at a time: the type, and the values."""
    by_kind: defaultdict[tuple[str, int], list[Signal]] = defaultdict(list)
    for signal in signals:
        kind = signal.type, len(signal.value) // 2
        if kind in state.segments:
            by_kind[kind].append(signal)
    for (signal_type, size), of_kind in by_kind.items():
        for some in batched(of_kind, VALUES_PER_LOOK):
            text = "".join([each.value for each in some])
            yield signal_type, np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, size), some


def with_copies(state: BatchState, rows: ListedRows) -> ListedRows:
    """These rows, and all others that have the same values, listed or not."""
    found = no_rows(state)
    found.bits[:] = rows.bits
    for each in bucket_by_bucket(state, rows):
        copies = state.copies(each.part.type, each.part.size, each.values)
        bases = np.array([found.bases[batch_id] for batch_id in copies.batches], np.int64)
        switch_on(found, bases[copies.batch] + copies.row)
    return found


def copies_of(state: BatchState, signal: Signal) -> list[RowRef]:
    """All rows that have the value of a signal, listed or not."""
    values = np.frombuffer(bytes.fromhex(signal.value), np.uint8)[None, :]
    found = state.copies(signal.type, values.shape[1], values)
    pairs = zip(found.batch.tolist(), found.row.tolist(), strict=True)
    return [RowRef(found.batches[owner], row) for owner, row in pairs]


def listed_places(state: BatchState, signal_type: str, values: Values) -> tuple[Numbers, Numbers]:
    """The positions of those values, all of one type, that are listed, and the places of their rows."""
    located = state.locate(signal_type, values.shape[1], values)
    numbers = np.flatnonzero(located.on)
    if not len(numbers):
        return numbers, np.zeros(0, np.int64)
    bases = np.array([state.listed.bases[batch_id] for batch_id in located.batches], np.int64)
    return numbers, bases[located.batch[numbers]] + located.row[numbers]


def bucket_by_bucket(state: BatchState, rows: ListedRows) -> Iterator[BucketRows]:
    """The rows of a set, a bucket at a time, in the order of batches and rows. Raises DamagedSegment."""
    for batch in state.folded.batches:
        if not rows.of(batch.id).any():
            continue
        opened = state.opened[batch.id]
        for number, part in enumerate(batch.parts):
            if not part.rows:
                continue
            for bucket, (first, stop) in enumerate(pairwise(opened.edges(number).tolist())):
                if first < stop and len(some := rows.numbers(batch.id, first, stop)):
                    rows_there = opened.bucket(number, bucket)
                    yield BucketRows(opened, part, some, rows_there.values[some - first], rows_there, first)


def row_pieces(state: BatchState, rows: ListedRows) -> Iterator[list[tuple[RowRef, Entry]]]:
    """The rows of a set with their entries, a bucket at a time. Raises DamagedSegment."""
    for each in bucket_by_bucket(state, rows):
        refs = [RowRef(each.opened.id, row) for row in each.rows.tolist()]
        yield list(zip(refs, each.entries(state.provenance), strict=True))


def signals_of(state: BatchState, rows: ListedRows) -> Iterator[Sequence[Signal]]:
    """The signals of the rows of a set, a bucket at a time. Raises DamagedSegment."""
    for each in bucket_by_bucket(state, rows):
        yield [each.bucket.signal(row - each.first) for row in each.rows.tolist()]


def entries_of(state: BatchState, rows: ListedRows) -> Iterator[Entry]:
    """The entries of the rows of a set, in order. Raises DamagedSegment."""
    for piece in row_pieces(state, rows):
        yield from (entry for _, entry in piece)


def refs_of(state: BatchState, rows: ListedRows) -> Sequence[RowRef]:
    """The rows of a set, in order."""
    return [
        RowRef(batch.id, row)
        for batch in state.folded.batches
        for row in rows.numbers(batch.id, 0, batch.rows).tolist()
    ]


def entries_from(state: BatchState, start: tuple[int, int], limit: int) -> tuple[list[Entry], tuple[int, int] | None]:
    """About `limit` entries of listed rows from a place on: a batch by its version, and the number of a row.

    Returns:
        The entries, and where the next ones begin; None: there are no more.

    Raises:
        DamagedSegment: a file is damaged.
    """
    found: list[Entry] = []
    for batch in state.folded.batches:
        if batch.version < start[0]:
            continue
        first = start[1] if batch.version == start[0] else 0
        for place in range(first, batch.rows, ROWS_PER_LOOK):
            for row in state.listed.numbers(batch.id, place, min(place + ROWS_PER_LOOK, batch.rows)).tolist():
                if len(found) >= limit:
                    return found, (batch.version, row)
                found.append(state.provenance.entry(batch.id, row))
    return found, None


def find_rows(state: BatchState, list_name: str, ids: Iterable[str]) -> list[RowRef]:
    """The listed rows of the entries with these ids. Raises DamagedSegment: a file is damaged."""
    found = []
    for entry_id in sorted(set(ids)):  # a bucket at a time
        for opened in state.opened.values():
            row = opened.find(list_name, entry_id)
            if row is not None and state.listed.is_on(opened.id, row):
                found.append(RowRef(opened.id, row))
    return found

"""What is listed of the batches of one list, in this process: found by equality and by distance.

Values are in files that all processes of a machine share; in memory is a bit for each row. The entry of a row is read
when something matches it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeward.hashing.signal_registry import has_distance
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.folding import NOTHING, Folded, fold
from edgeward.matching.batches.listed_rows import ListedRows
from edgeward.matching.batches.merged_segments import OpenMerged
from edgeward.matching.batches.open_batch import OpenBatch
from edgeward.matching.batches.packed_rows import Row
from edgeward.matching.batches.provenance import Provenance
from edgeward.matching.batches.searched_segments import SearchedSegment, ValueKind, choose_segments
from edgeward.matching.batches.value_search import ValueSearch
from edgeward.matching.segments.segment_rows import Numbers, Values, ValueType
from edgeward.matching.time_slicing import Steps, run_to_end
from edgeward.types import Batch, Entry, RowRef, Signal

type IndexKey = tuple[str, int]
"""Signal type, and bits of a value. Lists may hold values of another length than the type has now."""
type NearEntry = tuple[int, Entry, int]
"""Position of a value among those searched for, an entry within the radius of it, and their distance."""

type NearRow = tuple[RowRef, int, int]
"""A row within the radius of a value, the position of that value among those searched for, and their distance."""

VERIFIED_BYTES = 1 << 23
"""A batch with segments of up to this size is compared with its checksums when it is opened: a few milliseconds."""
ENTRIES_PER_PIECE = 8
"""Entries that are read together: each may take a part of a millisecond."""


class Located(NamedTuple):
    """Where values are, of equal length but for `batches`.

    Attributes:
        batches: ids of batches.
        batch: position in `batches` of the batch that holds a value; -1: none does.
        row: its row there; -1: there is none.
        on: whether that row is listed.
    """

    batches: Sequence[str]
    batch: NDArray[np.int32]
    row: Numbers
    on: NDArray[np.bool_]


class Copies(NamedTuple):
    """All rows that have some values, listed or not; of equal length but for `batches`.

    Attributes:
        batches: ids of batches.
        number: position of a value among those searched for.
        batch: position in `batches` of the batch that has the row.
        row: its number there.
    """

    batches: Sequence[str]
    number: Numbers
    batch: Numbers
    row: Numbers


@dataclass(frozen=True, slots=True)
class BatchState:
    """All that a search reads, as of one fold.

    Attributes:
        opened: the batches by id.
        merged: the merged segments that there were.
        segments: by signal type and bytes of a value, where values are.
        counts: how many rows are on, by signal type and bytes of a value.
        removed_before: of the rows that were switched off since the state before, how many this one knows of.
    """

    folded: Folded
    opened: Mapping[str, OpenBatch]
    merged: Sequence[OpenMerged]
    segments: Mapping[ValueKind, Sequence[SearchedSegment]]
    counts: Counter[ValueKind]
    provenance: Provenance
    removed_before: int = 0

    @property
    def listed(self) -> ListedRows:
        """Which rows are on."""
        return self.folded.listed

    def ref_of(self, signal: Signal) -> RowRef | None:
        """`BatchIndex.ref_of` as of this state."""
        return _ref_in(self, signal)

    def locate(self, signal_type: str, size: int, values: Values) -> Located:
        """`BatchIndex.locate` as of this state."""
        return _locate_in(self, signal_type, size, values)

    def copies(self, signal_type: str, size: int, values: Values) -> Copies:
        """All rows with these values. One that is not listed may be once more if another batch is undone."""
        return _copies_in(self, signal_type, size, values)


class BatchIndex:
    """The batches of one list. Each value that is listed is on in one row.

    A search that has begun goes on with what there was, but for rows that are removed meanwhile.
    """

    def __init__(self, list_name: str) -> None:
        self._list_name = list_name
        self._state = _state(NOTHING, {})
        self._removed_since: list[RowRef] = []
        """Rows that were switched off since the preparation of the present state began."""
        self._damaged: set[OpenBatch] = set()
        """Those whose files are not to be read any more."""

    def __len__(self) -> int:
        return self._state.counts.total()

    @property
    def state(self) -> BatchState:
        """All that a search reads now. Rows may be switched off in it."""
        return self._state

    @property
    def batches(self) -> Sequence[Batch]:
        """The batches that were folded, in the order of their versions."""
        return self._state.folded.batches

    def counts(self) -> Mapping[str, int]:
        """How many rows are listed, by signal type."""
        counts = Counter[str]()
        for (signal_type, _), number in self._state.counts.items():
            counts[signal_type] += number
        return counts

    @property
    def index_keys(self) -> Sequence[IndexKey]:
        """The perceptual types and lengths that have listed rows."""
        return [
            (name, 8 * size) for (name, size), number in self._state.counts.items() if number and has_distance(name)
        ]

    def fold(self, batches: Sequence[Batch], removed: Mapping[RowRef, int], files: BatchFiles) -> None:
        """Go over to these batches and single removals (with their versions): at once or, on an error, not at all.

        Raises:
            FileNotFoundError: the files of a batch are not there.
            DamagedSegment: a file is damaged, missing or of another batch.
        """
        run_to_end(self.fold_steps(batches, removed, files))

    def fold_steps(self, batches: Sequence[Batch], removed: Mapping[RowRef, int], files: BatchFiles) -> Steps[None]:
        """The same in steps of a few milliseconds. All is as before until the last."""
        self.commit((yield from self.prepare(batches, removed, files)))

    def prepare(self, batches: Sequence[Batch], removed: Mapping[RowRef, int], files: BatchFiles) -> Steps[BatchState]:
        """The state to `commit`, in steps; one at a time. Errors as in `fold`."""
        already = len(self._removed_since)
        # Rows that were switched off, but are not said to be: the present state can't be built upon.
        before = self._state.folded if removed.keys() >= set(self._removed_since) else NOTHING
        opened: dict[str, OpenBatch] = {}
        for batch in batches:
            known = self._state.opened.get(batch.id)
            if not known or known.parts != batch.parts or known in self._damaged:
                known = files.open(batch)
                if known.segment_bytes <= VERIFIED_BYTES:
                    yield from known.verify()
            opened[batch.id] = known
            yield
        folded = yield from fold(batches, removed, opened, before)
        return (yield from _state_steps(folded, opened, files.merged(), already))

    def open_anew(self, batch_ids: Iterable[str]) -> None:
        """The next fold opens the files of these batches again: those that are open are damaged."""
        self._damaged.update(self._state.opened[each] for each in batch_ids if each in self._state.opened)

    def use_merged(self, files: BatchFiles) -> None:
        """Search the merged segments that there are now. What is found stays the same."""
        if (merged := files.merged()) is not self._state.merged:
            state = self._state
            segments = choose_segments(_needed(state.folded, state.opened), merged)
            self._state = replace(state, merged=merged, segments=segments)

    def commit(self, state: BatchState) -> Sequence[RowRef]:
        """Go over to a state. Rows that were removed since it was begun to be prepared are switched off in it, too.

        Returns those of them that were on.
        """
        self._state = state
        self._damaged &= set(state.opened.values())
        del self._removed_since[: state.removed_before]
        return self._switch_off(self._removed_since)

    def remove_rows(self, refs: Iterable[RowRef]) -> Sequence[RowRef]:
        """Switch rows off at once; returns those that were on. Unknown ones are ignored.

        The next fold is given them among all that were removed.
        """
        refs = list(refs)
        self._removed_since += refs
        return self._switch_off(refs)

    def _switch_off(self, refs: Iterable[RowRef]) -> Sequence[RowRef]:
        state, were_on = self._state, []
        for ref in refs:
            if state.listed.switch_off(ref.batch, ref.row):
                batch = next(each for each in state.folded.batches if each.id == ref.batch)
                part = batch.part_of(ref.row)
                state.counts[part.type, part.size] -= 1
                were_on.append(ref)
        return were_on

    def exact(self, signal: Signal) -> Entry | None:
        """The listed entry of exactly this type and value. If its row is damaged, it is what its batch says of all."""
        state = self._state
        ref = state.ref_of(signal)
        return state.provenance.matched(ref) if ref else None

    def ref_of(self, signal: Signal) -> RowRef | None:
        """The listed row of exactly this type and value."""
        return self._state.ref_of(signal)

    def near(self, key: IndexKey, values: Sequence[str], radius: int) -> Iterator[list[NearEntry]]:
        """The listed entries within `radius` of each value, in pieces that take a few milliseconds each.

        Some pairs may come twice. If a row is damaged, its entry is what its batch says of all.
        """
        state, found = self._state, dict[RowRef, Entry]()
        for rows in _near_in(state, key, values, radius):
            for some in batched(rows, ENTRIES_PER_PIECE) if rows else [()]:
                yield [(number, _entry(state, found, ref), distance) for ref, number, distance in some]

    def near_rows(self, key: IndexKey, values: Sequence[str], radius: int) -> Iterator[list[NearRow]]:
        """The listed rows within `radius` of each value, in pieces as by `near`. No entry is read."""
        return _near_in(self._state, key, values, radius)

    def find(self, entry_id: str) -> Entry | None:
        """The listed entry with this id. Raises DamagedSegment: a file is damaged."""
        ref = self.find_ref(entry_id)
        return self._state.provenance.entry(ref.batch, ref.row) if ref else None

    def find_ref(self, entry_id: str) -> RowRef | None:
        """The listed row of the entry with this id. Raises DamagedSegment: a file is damaged."""
        for opened in self._state.opened.values():
            row = opened.find(self._list_name, entry_id)
            if row is not None and self._state.listed.is_on(opened.id, row):
                return RowRef(opened.id, row)
        return None

    def entries(self) -> Iterator[Entry]:
        """All listed entries, a bucket at a time, as of now. Raises DamagedSegment."""
        return self._state.provenance.entries()

    def ids(self) -> Iterator[str]:
        """The ids of all listed entries, as of now. Raises DamagedSegment."""
        return self._state.provenance.ids(self._list_name)

    def entry_at(self, batch_id: str, row: int) -> Entry:
        """The entry of a row, listed or not. Cheap for rows of one bucket after each other. Errors as in `row`."""
        return self._state.provenance.entry(batch_id, row)

    def rows_of_sources(self, source_ids: Collection[str]) -> Iterator[RowRef]:
        """The listed rows whose entries have one of these ids of their sources. Reads all rows, a bucket at a time."""
        return self._state.provenance.rows_of_sources(source_ids)

    def row(self, ref: RowRef) -> tuple[Row, Entry]:
        """A row, listed or not, and its entry. Cheap for rows of one bucket after each other.

        Raises:
            KeyError: there is no such batch.
            IndexError: it has no such row.
            DamagedSegment: a file is damaged.
        """
        return self._state.provenance.row(ref)

    def locate(self, signal_type: str, size: int, values: Values) -> Located:
        """Where each value is: the row that is listed, else a row of any batch that is not undone, else nowhere."""
        return self._state.locate(signal_type, size, values)


def _near_in(state: BatchState, key: IndexKey, values: Sequence[str], radius: int) -> Iterator[list[NearRow]]:
    """`BatchIndex.near_rows` in a state."""
    signal_type, bits = key
    segments = state.segments.get((signal_type, bits // 8), ())
    wanted = ValueType(signal_type, bits, False).parse(values) if segments else np.zeros((0, 1), np.uint8)
    for segment in segments:
        for numbers, refs, distances in segment.search.near(wanted, radius):
            owners, rows, there = segment.listed(state.listed, refs)
            near = zip(owners, rows, numbers[there].tolist(), distances[there].tolist(), strict=True)
            # In the order of rows, so that those of one bucket are read together.
            yield sorted((RowRef(segment.batches[owner], row), number, apart) for owner, row, number, apart in near)


def _ref_in(state: BatchState, signal: Signal) -> RowRef | None:
    """The listed row of exactly this type and value in a state."""
    segments = state.segments.get((signal.type, len(signal.value) // 2))
    if not segments:
        return None
    try:
        value = np.frombuffer(bytes.fromhex(signal.value), np.uint8)[None, :]
    except ValueError:
        return None
    for each in segments:
        for _, refs in each.search.equal(value):
            owners, rows, _ = each.listed(state.listed, refs)
            if rows:
                return RowRef(each.batches[owners[0]], rows[0])
    return None


def _locate_in(state: BatchState, signal_type: str, size: int, values: Values) -> Located:
    """`BatchIndex.locate` in a state."""
    ids = list(state.opened)
    number_of = {batch_id: number for number, batch_id in enumerate(ids)}
    undone_ids = {batch.id for batch in state.folded.batches if batch.undone}
    undone = np.array([batch_id in undone_ids for batch_id in ids], np.bool_)
    batch = np.full(len(values), -1, np.int32)
    row = np.full(len(values), -1, np.int64)
    on = np.zeros(len(values), np.bool_)
    for each in state.segments.get((signal_type, size), ()):
        known = np.array([number_of.get(batch_id, -1) for batch_id in each.batches], np.int64)
        for numbers, refs in each.search.equal(values):
            owners, rows, places = each.places(state.listed, refs)
            listed = np.zeros(len(refs), np.bool_)
            there = np.flatnonzero(places >= 0)
            listed[there] = state.listed.at(places[there])
            may_be_again = ~listed[there] & (batch[numbers[there]] < 0) & ~undone[known[owners[there]]]
            for some in (there[may_be_again], there[listed[there]]):  # a value may have both kinds of rows here
                chosen = numbers[some]
                batch[chosen], row[chosen], on[chosen] = known[owners[some]], rows[some], listed[some]
    return Located(ids, batch, row, on)


def _copies_in(state: BatchState, signal_type: str, size: int, values: Values) -> Copies:
    """`BatchState.copies` of a state."""
    ids = list(state.opened)
    number_of = {batch_id: number for number, batch_id in enumerate(ids)}
    found = [(np.zeros(0, np.int64),) * 3]
    for each in state.segments.get((signal_type, size), ()):
        known = np.array([number_of.get(batch_id, -1) for batch_id in each.batches], np.int64)
        for numbers, refs in each.search.equal(values):
            owners, rows, places = each.places(state.listed, refs)
            there = np.flatnonzero(places >= 0)
            found.append((numbers[there], known[owners[there]], rows[there]))
    return Copies(ids, *(np.concatenate(column) for column in zip(*found, strict=True)))


def _entry(state: BatchState, found: dict[RowRef, Entry], ref: RowRef) -> Entry:
    entry = found.get(ref)
    if entry is None:
        entry = found[ref] = state.provenance.matched(ref)
    return entry


def _state(folded: Folded, opened: Mapping[str, OpenBatch]) -> BatchState:
    return run_to_end(_state_steps(folded, opened))


def _state_steps(
    folded: Folded, opened: Mapping[str, OpenBatch], merged: Sequence[OpenMerged] = (), removed_before: int = 0
) -> Steps[BatchState]:
    counts = Counter[ValueKind]()
    for batch in folded.batches:
        for part in batch.parts:
            counts[part.type, part.size] += folded.listed.count(batch.id, part.first, part.first + part.rows)
        yield
    segments = choose_segments(_needed(folded, opened), merged)
    return BatchState(folded, opened, merged, segments, counts, Provenance(folded, opened), removed_before)


def _needed(folded: Folded, opened: Mapping[str, OpenBatch]) -> Mapping[ValueKind, Mapping[str, ValueSearch]]:
    """The segments of the batches whose rows are listed, or may be if others are undone; by what they are of."""
    needed: dict[ValueKind, dict[str, ValueSearch]] = {}
    acting = {name for batch in folded.batches if not batch.undone for name in (batch.id, *batch.adds)}
    for batch in folded.batches:
        for part, search in zip(batch.parts, opened[batch.id].searches, strict=True):
            if search and batch.id in acting:
                needed.setdefault((part.type, part.size), {})[batch.id] = search
    return needed

"""The entries of one list, and how to search them: a digest by its value, a perceptual hash by its distance.

Entries are single ones, which are in memory, or come in batches, whose rows are in files. An entry may be both: it
counts once, and is what the single one says.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import batched
from types import MappingProxyType

import numpy as np

from edgeward.hashing.signal_registry import has_distance
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex, BatchState, IndexKey, NearEntry
from edgeward.matching.distances import DistanceIndex, index_for
from edgeward.matching.hamming import HammingIndex
from edgeward.matching.list_entries import ListEntries
from edgeward.matching.time_slicing import Steps, run_to_end
from edgeward.types import Batch, Entry, RowRef, Signal, entry_id

ENTRIES_PER_STEP = 2000
"""Single entries that are looked for in batches together."""


def index_key(signal: Signal) -> IndexKey:
    """The index that holds, or would hold, this perceptual signal."""
    return signal.type, 4 * len(signal.value)


class ListIndex:
    """Entries by id, with an index for each perceptual type. Each list has its own, as each has its own radius.

    Attributes:
        batches: what is listed of the batches.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._entries: dict[str, Entry] = {}
        self._indexes: dict[IndexKey, HammingIndex[str] | DistanceIndex[str]] = {}
        self._single_counts = Counter[str]()
        self.batches = BatchIndex(name)
        self._both = dict[str, Entry]()
        """The single entries that are listed in a batch too, by id."""
        self._changed: set[str] | None = None
        """The single entries that were added or removed since batches are being folded; None: they are not."""

    @property
    def single_entries(self) -> Mapping[str, Entry]:
        """The single entries by id."""
        return MappingProxyType(self._entries)

    @property
    def in_both(self) -> Mapping[str, Entry]:
        """The single entries, by id, that are listed in a batch too."""
        return MappingProxyType(self._both)

    @property
    def entries(self) -> Mapping[str, Entry]:
        """All entries by id. Those of batches are read when they are asked for."""
        return ListEntries(self._entries, self.batches, self._both) if self.batches.batches else self.single_entries

    @property
    def index_keys(self) -> Sequence[IndexKey]:
        """The perceptual types and lengths that have entries."""
        single = [key for key, index in self._indexes.items() if len(index)]
        return [*single, *(key for key in self.batches.index_keys if key not in single)]

    def counts(self) -> Mapping[str, int]:
        """How many entries there are of each type."""
        counts = Counter(self._single_counts)
        counts.update(self.batches.counts())
        counts.subtract(entry.signal.type for entry in self._both.values())
        return counts

    def add(self, entry: Entry) -> bool:
        """Add a single entry, or replace the one with its id. Returns whether no entry with its id was listed.

        Raises:
            ValueError: a perceptual value that is not hexadecimal.
        """
        entry_key = entry.id
        if has_distance(entry.signal.type):
            key = index_key(entry.signal)
            if key not in self._indexes:
                self._indexes[key] = index_for(*key)
            self._indexes[key].add(entry_key, entry.signal.value)
        new = entry_key not in self._entries
        self._entries[entry_key] = entry
        self._single_counts[entry.signal.type] += new
        return new and not self._note(entry_key, entry.signal)

    def remove(self, entry_key: str) -> tuple[Entry | None, bool]:
        """Remove the single entry with this id.

        Returns it, None if there is none; and whether the entry was listed and is no more.
        """
        entry = self._entries.pop(entry_key, None)
        if entry is None:
            return None, False
        if has_distance(entry.signal.type):
            self._indexes[index_key(entry.signal)].remove(entry_key)
        self._single_counts[entry.signal.type] -= 1
        still_listed = entry_key in self._both
        self._note(entry_key, entry.signal)
        return entry, not still_listed

    def _note(self, entry_key: str, signal: Signal) -> bool:
        """Note that a single entry was added or removed. Returns whether it is in a batch too."""
        if self._changed is not None:
            self._changed.add(entry_key)
        if not self.batches.batches:
            return False
        entry = self._entries.get(entry_key)
        if entry is not None and (entry_key in self._both or self.batches.ref_of(signal)):
            self._both[entry_key] = entry
            return True
        self._both.pop(entry_key, None)
        return False

    def set_batches(self, batches: Sequence[Batch], removed: Mapping[RowRef, int], files: BatchFiles) -> None:
        """Go over to these batches: `BatchIndex.fold`."""
        run_to_end(self.set_batches_steps(batches, removed, files))

    def set_batches_steps(
        self, batches: Sequence[Batch], removed: Mapping[RowRef, int], files: BatchFiles
    ) -> Steps[None]:
        """The same in steps of a few milliseconds, between which entries and rows may be added and removed."""
        self._changed = set()
        try:
            state = yield from self.batches.prepare(batches, removed, files)
            both = yield from self._in_both(state)
            changed = self._changed
        finally:
            self._changed = None
        rows_removed = self.batches.commit(state)
        self._both.clear()
        self._both.update(both)
        for entry_key in changed:
            self._both.pop(entry_key, None)
            if entry := self._entries.get(entry_key):
                self._note(entry_key, entry.signal)
        self._forget(rows_removed)

    def _in_both(self, state: BatchState) -> Steps[dict[str, Entry]]:
        """The single entries that are listed in these batches too."""
        both: dict[str, Entry] = {}
        if not state.folded.batches:
            return both
        for some in batched(list(self._entries.items()), ENTRIES_PER_STEP):
            by_type: dict[tuple[str, int], list[tuple[str, Entry]]] = {}
            for entry_key, entry in some:
                size = len(entry.signal.value) // 2
                if (entry.signal.type, size) in state.segments:
                    by_type.setdefault((entry.signal.type, size), []).append((entry_key, entry))
            for (signal_type, size), items in by_type.items():
                text = b"".join(bytes.fromhex(entry.signal.value) for _, entry in items)
                values = np.frombuffer(text, np.uint8).reshape(-1, size)
                located = state.locate(signal_type, size, values)
                both.update(items[place] for place in np.flatnonzero(located.on).tolist())
            yield
        return both

    def remove_rows(self, refs: Iterable[RowRef]) -> None:
        """Take rows of batches off the list at once. Unknown ones are ignored."""
        self._forget(self.batches.remove_rows(refs))

    def _forget(self, rows: Collection[RowRef]) -> None:
        """Note that rows that were listed are so no more."""
        if not self._both:
            return
        for ref in rows:
            self._both.pop(self.batches.row(ref)[1].id, None)

    def find(self, entry_key: str) -> Entry | None:
        """The entry with this id."""
        return self._entries.get(entry_key) or self.batches.find(entry_key)

    def exact(self, signal: Signal) -> Entry | None:
        """The entry of exactly this type and value. An entry's id is made of both, so this is one dictionary lookup;
        and a search of each batch."""
        return self._entries.get(entry_id(self._name, signal)) or self.batches.exact(signal)

    def near(self, key: IndexKey, values: Sequence[str], radius: int) -> Iterator[list[NearEntry]]:
        """The entries within `radius` of each value, in pieces that take a few milliseconds each."""
        if key in self._indexes:
            for piece in self._indexes[key].search_each(values, radius):
                yield [(number, self._entries[found], distance) for number, found, distance in piece]
        for near in self.batches.near(key, values, radius):
            yield [found for found in near if found[1].id not in self._entries] if self._both else near

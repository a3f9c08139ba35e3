"""All entries of a list by id, of which those of batches are read when they are asked for."""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView

from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.types import Entry


class ListEntries(Mapping[str, Entry]):
    """Single entries, and those of batches that are not among them.

    Its length is known without reading any. To go through all takes the memory of some hundred entries: rows are read
    a bucket at a time, as of the moment when that was begun.

    Raises:
        DamagedSegment: a file of a batch is damaged.
    """

    def __init__(self, single: Mapping[str, Entry], batches: BatchIndex, both: Mapping[str, Entry]) -> None:
        """`both`: the single entries that are in a batch too."""
        self._single, self._batches, self._both = single, batches, both

    def __len__(self) -> int:
        return len(self._single) + len(self._batches) - len(self._both)

    def __getitem__(self, entry_id: str) -> Entry:
        entry = self._single.get(entry_id) or self._batches.find(entry_id)
        if entry is None:
            raise KeyError(entry_id)
        return entry

    def __contains__(self, entry_id: object) -> bool:
        if entry_id in self._single:
            return True
        return isinstance(entry_id, str) and self._batches.find_ref(entry_id) is not None

    def __iter__(self) -> Iterator[str]:
        yield from list(self._single)
        both = set(self._both)
        yield from (entry_id for entry_id in self._batches.ids() if entry_id not in both)

    def values(self) -> ValuesView[Entry]:
        """All entries."""
        return _Values(self)

    def items(self) -> ItemsView[str, Entry]:
        """All entries with their ids."""
        return _Items(self)

    def pairs(self) -> Iterator[tuple[str, Entry]]:
        """All entries with their ids, each read once."""
        yield from list(self._single.items())
        both = set(self._both)
        for entry in self._batches.entries():
            if (entry_id := entry.id) not in both:
                yield entry_id, entry


class _Values(ValuesView[Entry]):
    def __init__(self, entries: ListEntries) -> None:
        super().__init__(entries)
        self._pairs = entries.pairs

    def __iter__(self) -> Iterator[Entry]:
        return (entry for _, entry in self._pairs())

    def __contains__(self, value: object) -> bool:
        return any(entry == value for entry in self)


class _Items(ItemsView[str, Entry]):
    def __init__(self, entries: ListEntries) -> None:
        super().__init__(entries)
        self._pairs = entries.pairs

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        return self._pairs()

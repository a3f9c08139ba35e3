"""The entries of one list, and how to search them: a digest by its value, a perceptual hash by its distance."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from edgeward.hashing.signal_registry import has_distance
from edgeward.matching.distances import DistanceIndex, index_for
from edgeward.matching.hamming import HammingIndex
from edgeward.types import Entry, Signal, entry_id

type IndexKey = tuple[str, int]
"""Signal type, and bits of a value. Lists may hold values of another length than the type has now."""
type NearEntry = tuple[int, Entry, int]
"""Position of a value among those searched for, an entry within the radius of it, and their distance."""


def index_key(signal: Signal) -> IndexKey:
    """The index that holds, or would hold, this perceptual signal."""
    return signal.type, 4 * len(signal.value)


class ListIndex:
    """Entries by id, with an index for each perceptual type. Each list has its own, as each has its own radius."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._entries: dict[str, Entry] = {}
        self._indexes: dict[IndexKey, HammingIndex[str] | DistanceIndex[str]] = {}

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The entries by id."""
        return MappingProxyType(self._entries)

    @property
    def index_keys(self) -> Sequence[IndexKey]:
        """The perceptual types and lengths that have entries."""
        return [key for key, index in self._indexes.items() if len(index)]

    def add(self, entry: Entry) -> bool:
        """Add an entry, or replace the one with its id. Returns whether it is new.

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
        return new

    def remove(self, entry_key: str) -> Entry | None:
        """Remove the entry with this id and return it; None if there is none."""
        entry = self._entries.pop(entry_key, None)
        if entry is not None and has_distance(entry.signal.type):
            self._indexes[index_key(entry.signal)].remove(entry_key)
        return entry

    def exact(self, signal: Signal) -> Entry | None:
        """The entry of exactly this type and value. An entry's id is made of both, so this is one dictionary lookup."""
        return self._entries.get(entry_id(self._name, signal))

    def near(self, key: IndexKey, values: Sequence[str], radius: int) -> Iterator[list[NearEntry]]:
        """The entries within `radius` of each value, in pieces that take a few milliseconds each."""
        for piece in self._indexes[key].search_each(values, radius):
            yield [(number, self._entries[found], distance) for number, found, distance in piece]

"""The entries of one list, and how to find among them: a digest by its name, a perceptual value by its distance."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from edgeward.hashing.registry import is_measured
from edgeward.matching.distances import DistanceIndex, index_for
from edgeward.matching.hamming import HammingIndex
from edgeward.types import Entry, Signal, entry_id

type Form = tuple[str, int]
"""Signal type, and bits of a value."""
type Near = tuple[int, Entry, int]
"""Number of a value, an entry within the radius of it, and their distance."""


def form_of(signal: Signal) -> Form:
    return signal.type, 4 * len(signal.value)


class Shelf:
    """Entries by id. Each perceptual form has an index of its own, so that a list is searched by its own radius."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._entries: dict[str, Entry] = {}
        self._indexes: dict[Form, HammingIndex[str] | DistanceIndex[str]] = {}

    @property
    def entries(self) -> Mapping[str, Entry]:
        return MappingProxyType(self._entries)

    @property
    def forms(self) -> Sequence[Form]:
        """Perceptual forms that there are entries of."""
        return [form for form, index in self._indexes.items() if len(index)]

    def add(self, entry: Entry) -> bool:
        """Add an entry; one that is there already is replaced. Returns whether it is new.

        Raises:
            ValueError: a perceptual value that is not hexadecimal.
        """
        key = entry.id
        if is_measured(entry.signal.type):
            form = form_of(entry.signal)
            if form not in self._indexes:
                self._indexes[form] = index_for(*form)
            self._indexes[form].add(key, entry.signal.value)
        new = key not in self._entries
        self._entries[key] = entry
        return new

    def remove(self, key: str) -> Entry | None:
        """Remove an entry, and return it; None where it is not there."""
        entry = self._entries.pop(key, None)
        if entry is not None and is_measured(entry.signal.type):
            self._indexes[form_of(entry.signal)].remove(key)
        return entry

    def same(self, signal: Signal) -> Entry | None:
        """The entry of exactly this type and value."""
        return self._entries.get(entry_id(self._name, signal))

    def near(self, form: Form, values: Sequence[str], radius: int) -> Iterator[list[Near]]:
        """Entries of a form within `radius` of each value, in pieces: each takes a few milliseconds to find."""
        for piece in self._indexes[form].search_each(values, radius):
            yield [(number, self._entries[key], distance) for number, key, distance in piece]

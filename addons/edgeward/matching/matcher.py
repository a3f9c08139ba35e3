"""All lists and entries of one process, and the verdict on a fingerprint. No I/O.

Precedence: an allowlist's match wins over all; then the nearest match of a block list that is enforced; then that of
one that is only monitored. Lists that are off match nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from edgeward.errors import BadSignal
from edgeward.matching.hamming import HammingIndex
from edgeward.types import (
    DEFAULT_RADIUS,
    MIN_PDQ_QUALITY,
    Change,
    Decision,
    Entry,
    Fingerprint,
    HashList,
    Kind,
    Match,
    Mode,
    Reason,
    Signal,
    Verdict,
)

PERCEPTUAL = frozenset(DEFAULT_RADIUS)
"""Signal types that are compared by distance. All others match exactly."""

type EntryKey = tuple[str, str]
"""(list name, entry id)."""

_NONE: Mapping[str, Entry] = MappingProxyType({})


class Matcher:
    """What is listed, and what it means for a fingerprint. Changes act at once."""

    def __init__(self) -> None:
        self.version = 0
        """Version of the store's lists that this copy has applied. It falls when the store loses data."""
        self.generation = 0
        """Counts the changes made to this copy and never falls: what a remembered verdict's age is to be told by."""
        self._lists: dict[str, HashList] = {}
        self._entries: defaultdict[str, dict[str, Entry]] = defaultdict(dict)
        self._exact: defaultdict[tuple[str, str], dict[EntryKey, Entry]] = defaultdict(dict)
        self._indexes: dict[tuple[str, int], HammingIndex[EntryKey]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._reach: dict[str, int] = {}

    @property
    def lists(self) -> Mapping[str, HashList]:
        """All lists by name."""
        return MappingProxyType(self._lists)

    def entries(self, list_name: str) -> Mapping[str, Entry]:
        """The entries of a list by id; none for an unknown list."""
        return MappingProxyType(self._entries.get(list_name, _NONE))

    def find(self, entry_id: str) -> Entry | None:
        """The entry with this id, on whatever list."""
        return next((entries[entry_id] for entries in self._entries.values() if entry_id in entries), None)

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Number of entries by (list name, signal type)."""
        return MappingProxyType(self._counts)

    def set_list(self, hash_list: HashList) -> None:
        """Add a list, or change the policy of one: its entries stay."""
        self.generation += 1
        self._lists[hash_list.name] = hash_list
        self._measure_reach()

    def delete_list(self, name: str) -> None:
        """Remove a list and all its entries; one that is not there is ignored."""
        self.generation += 1
        self._lists.pop(name, None)
        self._measure_reach()
        for entry_id in tuple(self._entries.get(name, ())):
            self.remove_entry(name, entry_id)
        self._entries.pop(name, None)

    def _measure_reach(self) -> None:
        """How far to search per signal type: the largest radius of any list that is not off."""
        active = [hash_list for hash_list in self._lists.values() if hash_list.mode is not Mode.OFF]
        self._reach = {kind: max((one.radius_of(kind) for one in active), default=-1) for kind in PERCEPTUAL}

    def add_entry(self, entry: Entry) -> None:
        """Add an entry; one that is there already is replaced.

        Raises:
            BadSignal: a perceptual value that is not hexadecimal: it could never match.
        """
        self.generation += 1
        key = (entry.list, entry.id)
        if entry.signal.type in PERCEPTUAL:
            try:
                self._index(entry.signal).add(key, entry.signal.value)
            except ValueError:
                raise BadSignal(f"entry {entry.id}: its {entry.signal.type} is not hexadecimal") from None
        else:
            self._exact[entry.signal.type, entry.signal.value][key] = entry
        if key[1] not in self._entries[entry.list]:
            self._counts[entry.list, entry.signal.type] += 1
        self._entries[entry.list][key[1]] = entry

    def remove_entry(self, list_name: str, entry_id: str) -> None:
        """Remove an entry; one that is not there is ignored."""
        self.generation += 1
        entry = self._entries.get(list_name, {}).pop(entry_id, None)
        if entry is None:
            return
        self._counts[list_name, entry.signal.type] -= 1
        if entry.signal.type in PERCEPTUAL:
            self._index(entry.signal).remove((list_name, entry_id))
            return
        sharing = self._exact[entry.signal.type, entry.signal.value]
        del sharing[list_name, entry_id]
        if not sharing:
            del self._exact[entry.signal.type, entry.signal.value]

    def _index(self, signal: Signal) -> HammingIndex[EntryKey]:
        key = (signal.type, 4 * len(signal.value))
        if key not in self._indexes:
            self._indexes[key] = HammingIndex(key[1])
        return self._indexes[key]

    def apply(self, change: Change) -> None:
        """Make one change of the blocklist; made again it changes nothing. Sets `version`.

        Raises:
            BadSignal: as in `add_entry`. `version` is set all the same: the change can't be made by anyone.
        """
        self.version = change.version
        if change.entry and change.op == "entry.add":
            self.add_entry(change.entry)
        elif change.entry and change.op == "entry.remove":
            self.remove_entry(change.entry.list, change.entry.id)
        elif change.list and change.op == "list.set":
            self.set_list(change.list)
        elif change.list and change.op == "list.delete":
            self.delete_list(change.list.name)

    def matches(self, fingerprint: Fingerprint) -> list[Match]:
        """Every entry that the image matches, on all lists that are not off; nearest first, digests before all.

        An entry that several frames match is there once, with its smallest distance.
        """
        nearest: dict[EntryKey, Match] = {}
        for signal in dict.fromkeys(fingerprint.signals):
            for match in self._matches_of(signal):
                key = (match.entry.list, match.entry.id)
                if key not in nearest or match.distance < nearest[key].distance:
                    nearest[key] = match
        return sorted(nearest.values(), key=_rank)

    def _matches_of(self, signal: Signal) -> Iterator[Match]:
        for entry, distance in self._near(signal):
            hash_list = self._lists.get(entry.list)
            if hash_list is None or hash_list.mode is Mode.OFF:
                continue
            if signal.type not in PERCEPTUAL or distance <= hash_list.radius_of(signal.type):
                yield Match(signal, entry, distance)

    def _near(self, signal: Signal) -> list[tuple[Entry, int]]:
        if signal.type not in PERCEPTUAL:
            return [(entry, 0) for entry in self._exact.get((signal.type, signal.value), {}).values()]
        index = self._indexes.get((signal.type, 4 * len(signal.value)))
        reach = self._reach.get(signal.type, -1)
        if index is None or reach < 0 or not _says_enough(signal):
            return []
        near = ((self._entries[key[0]][key[1]], distance) for key, distance in index.search(signal.value, reach))
        return [(entry, distance) for entry, distance in near if _says_enough(entry.signal)]

    def verdict(self, fingerprint: Fingerprint) -> Verdict:
        """Deliver or block, by the signals there are. What a flaw means is the operator's policy, not judged here."""
        matches = self.matches(fingerprint)
        if allowed := self._first(matches, Kind.ALLOW, Mode.ENFORCE):
            return Verdict(Decision.DELIVER, Reason.ALLOWLISTED, allowed, version=self.version)
        if blocked := self._first(matches, Kind.BLOCK, Mode.ENFORCE):
            action = self._lists[blocked.entry.list].action
            return Verdict(Decision.BLOCK, Reason.MATCH, blocked, action, self.version)
        if monitored := self._first(matches, Kind.BLOCK, Mode.MONITOR):
            return Verdict(Decision.DELIVER, Reason.MONITORED, monitored, version=self.version)
        return Verdict(Decision.DELIVER, Reason.NO_MATCH, version=self.version)

    def _first(self, matches: list[Match], kind: Kind, mode: Mode) -> Match | None:
        for match in matches:
            hash_list = self._lists[match.entry.list]
            if hash_list.kind is kind and hash_list.mode is mode:
                return match
        return None


def _says_enough(signal: Signal) -> bool:
    """Whether a signal is worth matching on: a PDQ of low quality is not."""
    return signal.type != "pdq" or signal.quality is None or signal.quality >= MIN_PDQ_QUALITY


def is_near(one: Signal, other: Signal, radius: int) -> bool:
    """Whether two signals match: digests that are equal, or perceptual ones within the radius that say enough."""
    if one.type != other.type or one.type not in PERCEPTUAL:
        return (one.type, one.value) == (other.type, other.value)
    if len(one.value) != len(other.value) or not (_says_enough(one) and _says_enough(other)):
        return False
    return (int(one.value, 16) ^ int(other.value, 16)).bit_count() <= radius


def _rank(match: Match) -> tuple[bool, int, str, str]:
    """Digests first, then by distance; ties by list and entry, so that every process says the same."""
    return (match.signal.type in PERCEPTUAL, match.distance, match.entry.list, match.entry.id)

"""All lists and entries of one process, and the verdict on a fingerprint. No I/O.

Precedence: an allowlist's match wins over all; then the nearest match of a block list that is enforced; then that of
one that is only monitored. Lists that are off match nothing. A list is matched with the views of an image that it asks
for, within its own radius.
"""

from collections import Counter
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from types import MappingProxyType

from edgeward.config import SIGNAL_TYPES
from edgeward.errors import BadSignal
from edgeward.hashing.joint import is_matchable, joined
from edgeward.hashing.registry import distance, is_measured, radius_of
from edgeward.matching.shelf import Form, Shelf, form_of
from edgeward.matching.steps import finished, patient
from edgeward.types import (
    ALWAYS,
    JOINT,
    MIN_PDQ_QUALITY,
    RATED,
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
    View,
)

type Asked = dict[Form, dict[str, Signal]]
"""By form the values to look for, each with the first signal that has it."""

_NONE: Mapping[str, Entry] = MappingProxyType({})


class Matcher:
    """What is listed, and what it means for a fingerprint. Changes act at once."""

    def __init__(self, min_quality: int = MIN_PDQ_QUALITY, types: Collection[str] = SIGNAL_TYPES) -> None:
        self.version = 0
        """Version of the store's lists that this copy has applied. It falls when the store loses data."""
        self.generation = 0
        """Counts the changes made to this copy and never falls: what a remembered verdict's age is to be told by."""
        self.min_quality = min_quality
        """A PDQ of less says too little to match on, listed or seen."""
        self.types = frozenset(types)
        """Signal types that images are given. Entries of others match nothing."""
        self.views: frozenset[View] = frozenset()
        """Views of an image that lists ask for beyond those that always match."""
        self._lists: dict[str, HashList] = {}
        self._shelves: dict[str, Shelf] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def lists(self) -> Mapping[str, HashList]:
        """All lists by name."""
        return MappingProxyType(self._lists)

    def entries(self, list_name: str) -> Mapping[str, Entry]:
        """The entries of a list by id; none for an unknown list."""
        shelf = self._shelves.get(list_name)
        return shelf.entries if shelf else _NONE

    def find(self, entry_id: str) -> Entry | None:
        """The entry with this id, on whatever list."""
        shelves = self._shelves.values()
        return next((shelf.entries[entry_id] for shelf in shelves if entry_id in shelf.entries), None)

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Number of entries by (list name, signal type)."""
        return MappingProxyType(self._counts)

    def not_matchable(self) -> Mapping[tuple[str, str], int]:
        """Those of `counts` that match nothing here, since images are given no such signal."""
        return {key: number for key, number in self._counts.items() if not is_matchable(key[1], self.types)}

    def set_list(self, hash_list: HashList) -> None:
        """Add a list, or change the policy of one: its entries stay."""
        self.generation += 1
        self._lists[hash_list.name] = hash_list
        self._gather_views()

    def delete_list(self, name: str) -> None:
        """Remove a list and all its entries; one that is not there is ignored."""
        self.generation += 1
        self._lists.pop(name, None)
        self._gather_views()
        self._shelves.pop(name, None)
        for key in self._counts:
            if key[0] == name:
                self._counts[key] = 0

    def _gather_views(self) -> None:
        active = [hash_list.views for hash_list in self._lists.values() if hash_list.mode is not Mode.OFF]
        self.views = frozenset[View]().union(*active) - ALWAYS

    def add_entry(self, entry: Entry) -> None:
        """Add an entry; one that is there already is replaced.

        Raises:
            BadSignal: a perceptual value that is not hexadecimal: it could never match.
        """
        self.generation += 1
        if entry.list not in self._shelves:
            self._shelves[entry.list] = Shelf(entry.list)
        try:
            new = self._shelves[entry.list].add(entry)
        except ValueError:
            raise BadSignal(f"entry {entry.id}: its {entry.signal.type} is not hexadecimal") from None
        self._counts[entry.list, entry.signal.type] += new

    def remove_entry(self, list_name: str, entry_id: str) -> None:
        """Remove an entry; one that is not there is ignored."""
        self.generation += 1
        shelf = self._shelves.get(list_name)
        entry = shelf.remove(entry_id) if shelf else None
        if entry is not None:
            self._counts[list_name, entry.signal.type] -= 1

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

        An entry that several frames or views match is there once, with its smallest distance.
        """
        return finished(self._nearest(fingerprint))

    def verdict(self, fingerprint: Fingerprint) -> Verdict:
        """Deliver or block, by the signals there are. What a flaw means is the operator's policy, not judged here."""
        return self.conclude(self.matches(fingerprint))

    async def patient_matches(self, fingerprint: Fingerprint) -> list[Match]:
        """The matches by the lists of the moment in which it returns. Others have their turns while they are found."""
        return await patient(lambda: self._nearest(fingerprint), lambda: self.generation)

    async def patient_verdict(self, fingerprint: Fingerprint) -> Verdict:
        """The verdict by the lists of the moment in which it returns."""
        return self.conclude(await self.patient_matches(fingerprint))

    def _nearest(self, fingerprint: Fingerprint) -> Generator[None, None, list[Match]]:
        nearest: dict[str, Match] = {}
        for piece in self._found(fingerprint):
            for match in piece:
                key = match.entry.id
                if key not in nearest or match.distance < nearest[key].distance:
                    nearest[key] = match
            yield
        return sorted(nearest.values(), key=_rank)

    def _found(self, fingerprint: Fingerprint) -> Iterator[Sequence[Match]]:
        """Matches list by list, in pieces."""
        asked: dict[frozenset[View], Asked] = {}
        signals = self._looked_up(fingerprint)
        for name, hash_list in self._lists.items():
            shelf = self._shelves.get(name)
            if shelf is None or hash_list.mode is Mode.OFF:
                continue
            if hash_list.views not in asked:
                asked[hash_list.views] = self._asked(signals, hash_list.views)
            yield from self._found_on(shelf, hash_list, asked[hash_list.views])

    def _looked_up(self, fingerprint: Fingerprint) -> Sequence[Signal]:
        """The signals of an image, and what is composed of them if any list holds such."""
        if any(number for (_, kind), number in self._counts.items() if kind == JOINT):
            return (*fingerprint.signals, *joined(fingerprint.signals))
        return fingerprint.signals

    def _asked(self, signals: Sequence[Signal], views: frozenset[View]) -> Asked:
        asked: Asked = {}
        for signal in signals:
            if signal.view in views and says_enough(signal, self.min_quality):
                asked.setdefault(form_of(signal), {}).setdefault(signal.value, signal)
        return asked

    def _found_on(self, shelf: Shelf, hash_list: HashList, asked: Asked) -> Iterator[Sequence[Match]]:
        digests = (signal for form, some in asked.items() if not is_measured(form[0]) for signal in some.values())
        yield [Match(signal, entry, 0) for signal in digests if (entry := shelf.same(signal))]
        for form in shelf.forms:
            if some := list(asked.get(form, {}).values()):
                for piece in shelf.near(form, [each.value for each in some], radius_of(hash_list, form[0])):
                    yield [
                        Match(some[number], entry, distance)
                        for number, entry, distance in piece
                        if says_enough(entry.signal, self.min_quality)
                    ]

    def conclude(self, matches: Sequence[Match]) -> Verdict:
        """The verdict that follows from all matches of an image, by the lists that they were found on."""
        if allowed := self._first(matches, Kind.ALLOW, Mode.ENFORCE):
            return Verdict(Decision.DELIVER, Reason.ALLOWLISTED, allowed, version=self.version)
        if blocked := self._first(matches, Kind.BLOCK, Mode.ENFORCE):
            action = self._lists[blocked.entry.list].action
            return Verdict(Decision.BLOCK, Reason.MATCH, blocked, action, self.version)
        if monitored := self._first(matches, Kind.BLOCK, Mode.MONITOR):
            return Verdict(Decision.DELIVER, Reason.MONITORED, monitored, version=self.version)
        return Verdict(Decision.DELIVER, Reason.NO_MATCH, version=self.version)

    def _first(self, matches: Sequence[Match], kind: Kind, mode: Mode) -> Match | None:
        for match in matches:
            hash_list = self._lists[match.entry.list]
            if hash_list.kind is kind and hash_list.mode is mode:
                return match
        return None


def says_enough(signal: Signal, min_quality: int) -> bool:
    """Whether a signal is worth matching on: a PDQ of low quality is not."""
    return signal.type not in RATED or signal.quality is None or signal.quality >= min_quality


def is_near(one: Signal, other: Signal, radius: int, min_quality: int = MIN_PDQ_QUALITY) -> bool:
    """Whether two signals match: digests that are equal, or perceptual ones within the radius that say enough."""
    if one.type != other.type or not is_measured(one.type):
        return (one.type, one.value) == (other.type, other.value)
    if len(one.value) != len(other.value) or not all(says_enough(each, min_quality) for each in (one, other)):
        return False
    return distance(one.type, one.value, other.value) <= radius


def _rank(match: Match) -> tuple[bool, int, str, str]:
    """Digests first, then by distance; ties by list and entry, so that every process says the same."""
    return (is_measured(match.signal.type), match.distance, match.entry.list, match.entry.id)

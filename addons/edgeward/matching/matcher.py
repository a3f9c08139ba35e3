"""All lists and entries of one process, and the verdict on a fingerprint. No I/O.

Precedence: a match of an enforced allowlist wins over all; then the nearest match of an enforced blocklist; then the
nearest of a monitored blocklist. An entry that was set to monitor counts as one of a monitored list. Lists that are off
match nothing. Each list is matched with the views of an image that it asks for, within its own radius and from its own
quality on. A list may act at some targets alone, or be enforced at some and monitored at others: whoever knows the
target says what mode each list has there (policy/list_limits.py).
"""

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType

from edgeward.errors import BadSignal
from edgeward.hashing.composite import is_matchable, with_composites
from edgeward.hashing.signal_registry import distance, has_distance, radius_of
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex, IndexKey
from edgeward.matching.list_index import ListIndex, index_key
from edgeward.matching.time_slicing import Steps, run_in_slices, run_sliced, run_to_end
from edgeward.settings.config import SIGNAL_TYPES
from edgeward.types import (
    ALWAYS_MATCHED,
    COMPOSITE_TYPE,
    MIN_PDQ_QUALITY,
    TYPES_WITH_QUALITY,
    Batch,
    Change,
    Decision,
    Entry,
    Fingerprint,
    HashList,
    ListKind,
    Match,
    Mode,
    Reason,
    RowRef,
    Signal,
    Verdict,
    View,
)

type Queries = dict[IndexKey, dict[str, Signal]]
"""By type and length the values to look up, each with the first signal that has it."""
type ModeOf = Callable[[HashList], Mode]
"""The mode of a list at one target."""

OWN_MODE: ModeOf = attrgetter("mode")
"""At a target where every list acts."""

_NO_ENTRIES: Mapping[str, Entry] = MappingProxyType({})


class Matcher:
    """All lists with their entries, and what they mean for a fingerprint. Changes take effect at once.

    Attributes:
        version: version of the store's lists that this copy has applied. It falls when the store loses data.
        change_count: number of changes made to this copy. It never falls, so a cached verdict is valid while the count
            is the one that it was made at.
        min_quality: PDQs of lower quality, listed or seen, match nothing.
        types: signal types that images get. Entries of other types match nothing.
        views: views that active lists ask for beyond those that always match.
    """

    def __init__(self, min_quality: int = MIN_PDQ_QUALITY, types: Collection[str] = SIGNAL_TYPES) -> None:
        self.version = 0
        self.change_count = 0
        self.min_quality = min_quality
        self.types = frozenset(types)
        self.views: frozenset[View] = frozenset()
        self._lists: dict[str, HashList] = {}
        # Apart from `_lists`: entries may come before their list, and stay when its policy changes.
        self._indexes: dict[str, ListIndex] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def lists(self) -> Mapping[str, HashList]:
        """All lists by name."""
        return MappingProxyType(self._lists)

    def entries(self, list_name: str) -> Mapping[str, Entry]:
        """The entries of a list by id; none for an unknown list. Those of batches are read when they are asked for.

        To read them raises DamagedSegment if a file is damaged.
        """
        index = self._indexes.get(list_name)
        return index.entries if index else _NO_ENTRIES

    def single_entries(self, list_name: str) -> Mapping[str, Entry]:
        """The entries of a list by id that came in no batch."""
        index = self._indexes.get(list_name)
        return index.single_entries if index else _NO_ENTRIES

    def in_both(self, list_name: str) -> Mapping[str, Entry]:
        """Those of them, by id, that are listed in a batch too."""
        index = self._indexes.get(list_name)
        return index.in_both if index else _NO_ENTRIES

    def batches(self, list_name: str) -> BatchIndex:
        """What is listed of the batches of a list; an empty one if it has none."""
        index = self._indexes.get(list_name)
        return index.batches if index else BatchIndex(list_name)

    def find(self, entry_id: str) -> Entry | None:
        """The entry with this id, on any list. Raises DamagedSegment: a file of a batch is damaged."""
        indexes = self._indexes.values()
        for index in indexes:
            if found := index.single_entries.get(entry_id):
                return found
        return next((found for index in indexes if (found := index.batches.find(entry_id))), None)

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Number of entries by (list name, signal type). A count that fell to 0 stays, so that a metric shows it."""
        return MappingProxyType(self._counts)

    def not_matchable(self) -> Mapping[tuple[str, str], int]:
        """The part of `counts` that can match nothing here, since images get no such signal."""
        return {key: number for key, number in self._counts.items() if not is_matchable(key[1], self.types)}

    def set_list(self, hash_list: HashList) -> None:
        """Add a list, or change the policy of one: its entries stay."""
        self.change_count += 1
        self._lists[hash_list.name] = hash_list
        self._update_views()

    def delete_list(self, name: str) -> None:
        """Remove a list and all its entries; an unknown one is ignored."""
        self.change_count += 1
        self._lists.pop(name, None)
        self._update_views()
        self._indexes.pop(name, None)
        for key in self._counts:
            if key[0] == name:
                self._counts[key] = 0

    def _update_views(self) -> None:
        active = [hash_list.views for hash_list in self._lists.values() if hash_list.mode is not Mode.OFF]
        self.views = frozenset[View]().union(*active) - ALWAYS_MATCHED

    def add_entry(self, entry: Entry) -> None:
        """Add an entry, or replace the one with its id.

        Raises:
            BadSignal: a perceptual value that is not hexadecimal: it could never match.
        """
        self.change_count += 1
        if entry.list not in self._indexes:
            self._indexes[entry.list] = ListIndex(entry.list)
        try:
            new = self._indexes[entry.list].add(entry)
        except ValueError:
            raise BadSignal(f"entry {entry.id}: its {entry.signal.type} is not hexadecimal") from None
        self._counts[entry.list, entry.signal.type] += new

    def remove_entry(self, list_name: str, entry_id: str) -> None:
        """Remove an entry; an unknown one is ignored."""
        self.change_count += 1
        index = self._indexes.get(list_name)
        entry, gone = index.remove(entry_id) if index else (None, False)
        if entry is not None:
            self._counts[list_name, entry.signal.type] -= gone

    async def set_batches(
        self, list_name: str, batches: Sequence[Batch], removed: Mapping[RowRef, int], files: BatchFiles
    ) -> None:
        """Let these be the batches of a list, with the rows removed one by one since: at once or, on an error, not.

        The event loop runs other tasks meanwhile, which may add and remove entries and rows. One at a time for a list.

        Raises:
            FileNotFoundError: the files of a batch are not there.
            DamagedSegment: a file is damaged, missing or of another batch.
        """
        await run_in_slices(self.set_batches_steps(list_name, batches, removed, files))

    def set_batches_steps(
        self, list_name: str, batches: Sequence[Batch], removed: Mapping[RowRef, int], files: BatchFiles
    ) -> Steps[None]:
        """The same in steps of a few milliseconds. All is as before until the last."""
        index = self._indexes.setdefault(list_name, ListIndex(list_name))
        yield from index.set_batches_steps(batches, removed, files)
        self.change_count += 1
        if self._indexes.get(list_name) is index:  # else the list was deleted meanwhile
            self._count(list_name, index)

    def use_merged(self, files: BatchFiles) -> None:
        """Search the merged segments of batches that there are now. What is found stays the same."""
        for index in self._indexes.values():
            index.batches.use_merged(files)

    def remove_rows(self, list_name: str, refs: Iterable[RowRef]) -> None:
        """Take rows of batches off a list; unknown ones are ignored."""
        self.change_count += 1
        if index := self._indexes.get(list_name):
            index.remove_rows(refs)
            self._count(list_name, index)

    def _count(self, list_name: str, index: ListIndex) -> None:
        counts = index.counts()
        for signal_type in {*counts, *(kind for name, kind in self._counts if name == list_name)}:
            self._counts[list_name, signal_type] = counts[signal_type]

    def apply(self, change: Change) -> None:
        """Make one change of the store's lists and set `version`. Making it again changes nothing.

        Raises:
            BadSignal: as in `add_entry`. `version` is set all the same: no process can ever make this change.
        """
        self.version = change.version
        if change.entry and change.op in ("entry.add", "entry.set"):
            self.add_entry(change.entry)
        elif change.entry and change.row and change.op == "entry.remove":
            self.remove_rows(change.entry.list, [change.row])
        elif change.entry and change.op == "entry.remove":
            self.remove_entry(change.entry.list, change.entry.id)
        elif change.list and change.op == "list.set":
            self.set_list(change.list)
        elif change.list and change.op == "list.delete":
            self.delete_list(change.list.name)

    def matches(self, fingerprint: Fingerprint) -> list[Match]:
        """Every entry that the image matches, on all lists that are not off: digests first, then nearest first.

        An entry that several frames or views match comes once, with its smallest distance.
        """
        return run_to_end(self._search(fingerprint))

    def verdict(self, fingerprint: Fingerprint) -> Verdict:
        """Deliver or block, by the signals there are, where every list acts. Flaws are not judged here: what they mean
        is policy."""
        return self.verdict_from(self.matches(fingerprint))

    async def matches_async(self, fingerprint: Fingerprint) -> list[Match]:
        """`matches`, by the lists at the moment it returns. The event loop runs other tasks meanwhile."""
        return await run_sliced(lambda: self._search(fingerprint), lambda: self.change_count)

    async def matches_among(self, fingerprint: Fingerprint, lists: Mapping[str, HashList]) -> list[Match]:
        """The same on these lists alone, by these policies in place of their own."""
        return await run_sliced(lambda: self._search(fingerprint, lists), lambda: self.change_count)

    async def verdict_async(self, fingerprint: Fingerprint) -> Verdict:
        """`verdict`, by the lists at the moment it returns. The event loop runs other tasks meanwhile."""
        return self.verdict_from(await self.matches_async(fingerprint))

    def verdict_from(self, matches: Sequence[Match], mode_of: ModeOf = OWN_MODE) -> Verdict:
        """The verdict that follows from all matches of an image. The lists must not have changed since.

        Args:
            mode_of: the mode of each list at the target that it is for.
        """
        if allowed := self._first(matches, ListKind.ALLOW, Mode.ENFORCE, mode_of):
            return Verdict(Decision.DELIVER, Reason.ALLOWLISTED, allowed, version=self.version)
        if blocked := self._first(matches, ListKind.BLOCK, Mode.ENFORCE, mode_of):
            action = self._lists[blocked.entry.list].action
            return Verdict(Decision.BLOCK, Reason.MATCH, blocked, action, self.version)
        if monitored := self._first(matches, ListKind.BLOCK, Mode.MONITOR, mode_of):
            return Verdict(Decision.DELIVER, Reason.MONITORED, monitored, version=self.version)
        return Verdict(Decision.DELIVER, Reason.NO_MATCH, version=self.version)

    def depends_on_target(self, matches: Sequence[Match]) -> bool:
        """Whether the verdict that follows from these matches may differ between targets."""
        return any(self._lists[match.entry.list].is_limited for match in matches)

    def first_of_each_list(self, matches: Sequence[Match]) -> tuple[Match, ...]:
        """Those of the matches that any verdict can name, in the same order: of each list the first one, and the first
        one of an entry that was set to monitor, or was not."""
        first: dict[tuple[str, Mode | None], Match] = {}
        for match in matches:
            first.setdefault((match.entry.list, match.entry.mode), match)
        return tuple(first.values())

    def _first(self, matches: Sequence[Match], kind: ListKind, mode: Mode, mode_of: ModeOf) -> Match | None:
        for match in matches:
            hash_list = self._lists[match.entry.list]
            if hash_list.kind is kind and _mode_of(match.entry, hash_list, mode_of(hash_list)) is mode:
                return match
        return None

    def _search(
        self, fingerprint: Fingerprint, lists: Mapping[str, HashList] | None = None
    ) -> Generator[None, None, list[Match]]:
        """`matches`, in steps of a few milliseconds (time_slicing.py)."""
        signals: Sequence[Signal] = fingerprint.signals
        # Composing takes time, and most installations have no list with such entries.
        if any(number for (_, kind), number in self._counts.items() if kind == COMPOSITE_TYPE):
            signals = (*signals, *with_composites(signals))
        # Most lists ask for the same views and quality.
        known_queries: dict[tuple[frozenset[View], int], Queries] = {}
        nearest: dict[str, Match] = {}
        for name, hash_list in (self._lists if lists is None else lists).items():
            index = self._indexes.get(name)
            if index is None or hash_list.mode is Mode.OFF:
                continue
            policy = hash_list.views, self.quality_of(hash_list)
            if policy not in known_queries:
                known_queries[policy] = self._queries(signals, *policy)
            for piece in self._matches_on(index, hash_list, known_queries[policy]):
                for match in piece:
                    key = match.entry.id
                    if key not in nearest or match.distance < nearest[key].distance:
                        nearest[key] = match
                yield
        return sorted(nearest.values(), key=_rank)

    def quality_of(self, hash_list: HashList) -> int:
        """The quality below which PDQs, listed or seen, match nothing on a list."""
        return max(self.min_quality, hash_list.min_quality)

    def _queries(self, signals: Sequence[Signal], views: frozenset[View], min_quality: int) -> Queries:
        """The distinct values of the signals in these views, without PDQs of low quality."""
        queries: Queries = {}
        for signal in signals:
            if signal.view in views and has_enough_quality(signal, min_quality):
                queries.setdefault(index_key(signal), {}).setdefault(signal.value, signal)
        return queries

    def _matches_on(self, index: ListIndex, hash_list: HashList, queries: Queries) -> Iterator[Sequence[Match]]:
        """The matches on one list, in pieces: first by equal digests, then by distance."""
        digests = (signal for key, some in queries.items() if not has_distance(key[0]) for signal in some.values())
        yield [Match(signal, entry, 0) for signal in digests if (entry := index.exact(signal))]
        min_quality = self.quality_of(hash_list)
        for key in index.index_keys:
            if some := list(queries.get(key, {}).values()):
                for piece in index.near(key, [each.value for each in some], radius_of(hash_list, key[0])):
                    yield [
                        Match(some[number], entry, distance)
                        for number, entry, distance in piece
                        if has_enough_quality(entry.signal, min_quality)
                    ]


def has_enough_quality(signal: Signal, min_quality: int) -> bool:
    """Whether a signal may match. A PDQ of low quality may not: many pictures of little content share it."""
    return signal.type not in TYPES_WITH_QUALITY or signal.quality is None or signal.quality >= min_quality


def is_near(one: Signal, other: Signal, radius: int, min_quality: int = MIN_PDQ_QUALITY) -> bool:
    """Whether two signals match: equal digests, or perceptual hashes within the radius with enough quality."""
    if one.type != other.type or not has_distance(one.type):
        return (one.type, one.value) == (other.type, other.value)
    if len(one.value) != len(other.value) or not all(has_enough_quality(each, min_quality) for each in (one, other)):
        return False
    return distance(one.type, one.value, other.value) <= radius


def _mode_of(entry: Entry, hash_list: HashList, mode: Mode) -> Mode:
    """What an entry does on a list that is in this mode: the same, unless it was set to monitor itself."""
    suspended = entry.mode is Mode.MONITOR and mode is Mode.ENFORCE and hash_list.kind is ListKind.BLOCK
    return Mode.MONITOR if suspended else mode


def _rank(match: Match) -> tuple[bool, int, str, str]:
    """Digests first, then by distance; ties by list and entry, so that every process gives the same order."""
    return (has_distance(match.signal.type), match.distance, match.entry.list, match.entry.id)

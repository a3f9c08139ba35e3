"""Pictures on blocklists with every setting, and which of these lists match a picture in transit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.detection.nearest_entries import Entries, Nearest, least, pairs_within

from edgeward.hashing.composite import with_composites
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.signal_registry import listable_types
from edgeward.matching.matcher import Matcher
from edgeward.operations.entries import signals_to_list
from edgeward.settings.config import HashingSettings
from edgeward.types import COMPOSITE_TYPE, Entry, HashList, Match, Signal, View

SETTINGS = HashingSettings()
EVERY_VIEW = frozenset({View.DIHEDRAL, View.GEOMETRY})
BOTH = "both"
LISTS: Mapping[str, HashList] = {
    "default": HashList("default"),
    "rotations": HashList("rotations", rotations=True),
    "geometry": HashList("geometry", geometry=True),
    BOTH: HashList(BOTH, rotations=True, geometry=True),
}
"""One list for each setting, all with the same entries."""
TYPES = ("sha256", "phash", "dhash", "pdq", COMPOSITE_TYPE)


@dataclass(frozen=True, slots=True)
class Option:
    """A column of the table: entries of one signal type, on a list with one setting.

    Entries of the composite type are listed together with those of PDQ: its option finds what either finds.
    """

    signal_type: str
    setting: str = "default"

    @property
    def combined_with(self) -> "Option | None":
        """The option whose matches count for this one too."""
        return Option("pdq", self.setting) if self.signal_type == COMPOSITE_TYPE else None

    @property
    def name(self) -> str:
        names = {"pdq": f"pdq, {self.setting}", COMPOSITE_TYPE: f"pdq + composite, {self.setting}"}
        return names.get(self.signal_type, self.signal_type)

    @property
    def column(self) -> str:
        """A shorter name, for tables with many columns."""
        composite = "composite" if self.setting == "default" else f"composite, {self.setting}"
        return {"pdq": self.setting, COMPOSITE_TYPE: composite}.get(self.signal_type, self.signal_type)


PDQ = tuple(Option("pdq", setting) for setting in LISTS)
COMPOSITES = (Option(COMPOSITE_TYPE), Option(COMPOSITE_TYPE, BOTH))
OPTIONS = (*(Option(signal_type) for signal_type in TYPES[:3]), *PDQ, *COMPOSITES)
"""Rotations and geometry are found by PDQ, so sha256, phash and dhash have one column each."""
SHOWN = OPTIONS[1:]
"""Options that find more than identical files."""


@dataclass(frozen=True, slots=True)
class Detection:
    """The result of one option for a picture that was made from a photograph.

    Attributes:
        found: it matches an entry of its own photograph.
        bits: distance to the nearest entry of its own photograph, by the option's signal type.
        other, unrelated: the same for all other photographs and for unrelated images; None: nothing to compare.
        wrong: names of the other pictures that it matches: false positives.
    """

    found: bool
    bits: int | None
    other: int | None
    unrelated: int | None
    wrong: tuple[str, ...] = ()


type Pictures = Mapping[str, Sequence[Signal]]
"""Names, each with its listed signals."""
type _Near = Sequence[tuple[View, Nearest]]
"""For each of a picture's signals of one type: its view, and the distances to listed entries."""


def listed(body: bytes) -> list[Signal]:
    """The signals that `edgeward add --image` lists of a file, of all TYPES."""
    made = fingerprint(body, SETTINGS, HashRequest(exact=True, views=frozenset({View.SMALLER})))
    return list(signals_to_list(made, TYPES, SETTINGS).signals)


class ListedImages:
    """Photographs and unrelated images by name, each with its listed signals."""

    def __init__(self, photographs: Pictures, unrelated: Pictures) -> None:
        self._matcher = Matcher()
        self._owners: defaultdict[str, set[str]] = defaultdict(set)
        for hash_list in LISTS.values():
            self._matcher.set_list(hash_list)
        everything = {**unrelated, **photographs}
        for name, signals in everything.items():
            for signal in signals:
                self._add(name, signal)
        self._entries = {kind: Entries(kind, _of_type(kind, everything), unrelated) for kind in TYPES}

    def _add(self, name: str, signal: Signal) -> None:
        for list_name in LISTS:
            entry = Entry(list_name, signal)
            self._owners[entry.id].add(name)
            self._matcher.add_entry(entry)

    def detections(self, body: bytes, own: str) -> tuple[Detection, ...]:
        """One for each of OPTIONS. The body is hashed once, as in transit; each list uses the views it asks for."""
        made = fingerprint(body, SETTINGS, HashRequest(views=EVERY_VIEW))
        matches = self._matcher.matches(made)
        signals = [*made.signals, *with_composites(made.signals)]
        near = {kind: self._near([each for each in signals if each.type == kind], kind, own) for kind in TYPES}
        return tuple(self._detection(near[option.signal_type], matches, own, option) for option in OPTIONS)

    def _near(self, signals: Sequence[Signal], kind: str, own: str) -> _Near:
        nearest = self._entries[kind].nearest([each.value for each in signals], own)
        return list(zip((each.view for each in signals), nearest, strict=True))

    def _detection(self, near: _Near, matches: Sequence[Match], own: str, option: Option) -> Detection:
        kinds = {each.signal_type for each in (option, option.combined_with) if each}
        matched = {
            name
            for match in matches
            if match.entry.list == option.setting and match.entry.signal.type in kinds
            for name in self._owners[match.entry.id]
        }
        asked = LISTS[option.setting].views
        nearest = least(each for view, each in near if view in asked)
        return Detection(own in matched, *nearest, tuple(sorted(matched - {own})))


def alike(kind: str, pictures: Pictures) -> list[tuple[str, str]]:
    """Pairs of pictures whose listed values of that type match each other at its default radius."""
    return pairs_within(kind, _of_type(kind, pictures), listable_types()[kind].radius or 0)


def _of_type(kind: str, pictures: Pictures) -> list[tuple[str, str]]:
    return [(name, each.value) for name, signals in pictures.items() for each in signals if each.type == kind]

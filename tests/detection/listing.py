"""Pictures on blocklists of every setting, and how a picture in transit looks to each."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.detection.entries import Entries, Nearest, least, pairs_within

from edgeward.config import HashingSettings
from edgeward.control.entries import choose
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.joint import joined
from edgeward.hashing.registry import known
from edgeward.hashing.request import HashRequest
from edgeward.matching.matcher import Matcher
from edgeward.types import JOINT, Entry, HashList, Match, Signal, View

SETTINGS = HashingSettings()
EVERY_VIEW = frozenset({View.TURNED, View.SEARCHED})
BOTH = "both"
LISTS: Mapping[str, HashList] = {
    "default": HashList("default"),
    "rotations": HashList("rotations", rotations=True),
    "geometry": HashList("geometry", geometry=True),
    BOTH: HashList(BOTH, rotations=True, geometry=True),
}
"""One list of each setting, with the same entries."""
TYPES = ("sha256", "phash", "dhash", "pdq", JOINT)


@dataclass(frozen=True, slots=True)
class Option:
    """A column of the table: entries of one signal type, on a list of one setting.

    Entries of the joint type stand beside those of PDQ: its option finds what either finds.
    """

    signal_type: str
    setting: str = "default"

    @property
    def beside(self) -> "Option | None":
        """The option whose finds are this one's, too."""
        return Option("pdq", self.setting) if self.signal_type == JOINT else None

    @property
    def name(self) -> str:
        names = {"pdq": f"pdq, {self.setting}", JOINT: f"pdq + joint, {self.setting}"}
        return names.get(self.signal_type, self.signal_type)

    @property
    def column(self) -> str:
        """A shorter name, where columns are many."""
        joint = "joint" if self.setting == "default" else f"joint, {self.setting}"
        return {"pdq": self.setting, JOINT: joint}.get(self.signal_type, self.signal_type)


PDQ = tuple(Option("pdq", setting) for setting in LISTS)
JOINTS = (Option(JOINT), Option(JOINT, BOTH))
OPTIONS = (*(Option(signal_type) for signal_type in TYPES[:3]), *PDQ, *JOINTS)
"""Rotations and geometry are found by PDQ, so sha256, phash and dhash have one column each."""
SHOWN = OPTIONS[1:]
"""Those that find more than the same bytes."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one option makes of a picture that comes from the photograph `own`.

    `bits`: to the nearest entry of its own photograph, by the option's signal type; `other` and `stranger`: to that of
    any other photograph and of any stranger; None where there was nothing to compare. `wrong`: names of the other
    pictures that it matches, which are false positives.
    """

    found: bool
    bits: int | None
    other: int | None
    stranger: int | None
    wrong: tuple[str, ...] = ()


type Pictures = Mapping[str, Sequence[Signal]]
"""Names, and what is listed of each."""
type _Near = Sequence[tuple[View, Nearest]]
"""Of a picture's signals of one type: the view of each, and how near it is to what is listed."""


def listed(body: bytes) -> list[Signal]:
    """What `edgeward add --image` lists of a file, of all TYPES."""
    made = fingerprint(body, SETTINGS, HashRequest(exact=True, views=frozenset({View.SMALLER})))
    return choose(made, list(TYPES), SETTINGS)[0]


class Listing:
    """Photographs and strangers by name, each with what is listed of it."""

    def __init__(self, photographs: Pictures, strangers: Pictures) -> None:
        self._matcher = Matcher()
        self._owners: defaultdict[str, set[str]] = defaultdict(set)
        for hash_list in LISTS.values():
            self._matcher.set_list(hash_list)
        everything = {**strangers, **photographs}
        for name, signals in everything.items():
            for signal in signals:
                self._add(name, signal)
        self._entries = {kind: Entries(kind, _of_type(kind, everything), strangers) for kind in TYPES}

    def _add(self, name: str, signal: Signal) -> None:
        for list_name in LISTS:
            entry = Entry(list_name, signal)
            self._owners[entry.id].add(name)
            self._matcher.add_entry(entry)

    def looks(self, body: bytes, own: str) -> tuple[Look, ...]:
        """One for each of OPTIONS. The body is hashed as in transit, once: a list takes the views that it asks for."""
        made = fingerprint(body, SETTINGS, HashRequest(views=EVERY_VIEW))
        matches = self._matcher.matches(made)
        signals = [*made.signals, *joined(made.signals)]
        near = {kind: self._near([each for each in signals if each.type == kind], kind, own) for kind in TYPES}
        return tuple(self._look(near[option.signal_type], matches, own, option) for option in OPTIONS)

    def _near(self, signals: Sequence[Signal], kind: str, own: str) -> _Near:
        nearest = self._entries[kind].nearest([each.value for each in signals], own)
        return list(zip((each.view for each in signals), nearest, strict=True))

    def _look(self, near: _Near, matches: Sequence[Match], own: str, option: Option) -> Look:
        kinds = {each.signal_type for each in (option, option.beside) if each}
        matched = {
            name
            for match in matches
            if match.entry.list == option.setting and match.entry.signal.type in kinds
            for name in self._owners[match.entry.id]
        }
        asked = LISTS[option.setting].views
        nearest = least(each for view, each in near if view in asked)
        return Look(own in matched, *nearest, tuple(sorted(matched - {own})))


def alike(kind: str, pictures: Pictures) -> list[tuple[str, str]]:
    """Pairs of pictures whose listed values of that type match each other at its default radius."""
    return pairs_within(kind, _of_type(kind, pictures), known()[kind].radius or 0)


def _of_type(kind: str, pictures: Pictures) -> list[tuple[str, str]]:
    return [(name, each.value) for name, signals in pictures.items() for each in signals if each.type == kind]

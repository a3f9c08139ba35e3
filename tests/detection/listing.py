"""The photographs on blocklists of every setting, and how a picture in transit looks to each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeward.config import HashingSettings
from edgeward.control.entries import choose
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.request import HashRequest
from edgeward.matching.matcher import Matcher
from edgeward.types import Entry, HashList, Match, Signal, View

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


@dataclass(frozen=True, slots=True)
class Option:
    """A column of the table: entries of one signal type, on a list of one setting."""

    signal_type: str
    setting: str = "default"

    @property
    def name(self) -> str:
        return self.signal_type if self.signal_type != "pdq" else f"pdq, {self.setting}"


TYPES = ("sha256", "phash", "dhash", "pdq")
PDQ = tuple(Option("pdq", setting) for setting in LISTS)
OPTIONS = (*(Option(signal_type) for signal_type in TYPES[:-1]), *PDQ)
"""Rotations and geometry are found by PDQ alone, so the other types have one column each."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one option makes of a picture that comes from the photograph `own`.

    `bits`: to the nearest entry of its own photograph, and `other` to that of any other photograph; None where there
    was no signal to compare. `strangers`: other photographs that it matches, which are false positives.
    """

    found: bool
    bits: int | None
    other: int | None
    strangers: int


class Listing:
    """Photographs by name, listed as `edgeward add --image` lists them."""

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        self._matcher = Matcher()
        self._owner: dict[str, str] = {}
        listed: dict[str, list[tuple[str, str]]] = {signal_type: [] for signal_type in TYPES}
        for hash_list in LISTS.values():
            self._matcher.set_list(hash_list)
        for name, body in bodies.items():
            made = fingerprint(body, SETTINGS, HashRequest(exact=True, views=frozenset({View.SMALLER})))
            for signal in choose(made, list(TYPES), SETTINGS)[0]:
                listed[signal.type].append((name, signal.value))
                self._add(name, signal)
        self._entries = {signal_type: Entries(pairs) for signal_type, pairs in listed.items()}

    def _add(self, name: str, signal: Signal) -> None:
        for list_name in LISTS:
            entry = Entry(list_name, signal)
            self._owner[entry.id] = name
            self._matcher.add_entry(entry)

    def looks(self, body: bytes, own: str) -> tuple[Look, ...]:
        """One for each of OPTIONS. The body is hashed as in transit, once: a list takes the views that it asks for."""
        made = fingerprint(body, SETTINGS, HashRequest(views=EVERY_VIEW))
        matches = self._matcher.matches(made)
        return tuple(self._look(made.signals, matches, own, option) for option in OPTIONS)

    def _look(self, signals: Sequence[Signal], matches: Sequence[Match], own: str, option: Option) -> Look:
        matched = {
            self._owner[match.entry.id]
            for match in matches
            if (match.entry.list, match.entry.signal.type) == (option.setting, option.signal_type)
        }
        asked = LISTS[option.setting].views
        values = [signal.value for signal in signals if signal.type == option.signal_type and signal.view in asked]
        bits, other = self._entries[option.signal_type].nearest(values, own)
        return Look(own in matched, bits, other, len(matched - {own}))


class Entries:
    """Values of one signal type, each with the name of its photograph."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._names = np.array([name for name, _ in pairs])
        self._words = _words([value for _, value in pairs])

    def nearest(self, values: Sequence[str], own: str) -> tuple[int | None, int | None]:
        """The least number of bits between any value and any entry: of the photograph `own`, and of the others."""
        if not values or not len(self._words):
            return None, None
        bits = np.bitwise_count(_words(values)[:, None] ^ self._words[None]).sum(axis=2).min(axis=0)
        return _least(bits[self._names == own]), _least(bits[self._names != own])


def _least(bits: NDArray[np.integer]) -> int | None:
    return int(bits.min()) if len(bits) else None


def _words(values: Sequence[str]) -> NDArray[np.uint64]:
    """Signals of 64 bits or multiples of it, one a row."""
    return np.frombuffer(bytes.fromhex("".join(values)), np.uint64).reshape(len(values), -1) if values else _NONE


_NONE: NDArray[np.uint64] = np.empty((0, 0), np.uint64)

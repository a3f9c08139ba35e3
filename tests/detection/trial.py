"""Every change of every photograph, met by every option: two processes, one picture at a time each."""

import multiprocessing
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.pool import Pool
from types import MappingProxyType
from typing import ClassVar

from tests.detection.changes import GROUPS
from tests.detection.listing import OPTIONS, Listing, Look, Option, Pictures, listed
from tests.detection.peer import Peer, PeerLook
from tests.detection.photographs import Photograph
from tests.detection.strangers import Stranger

from edgeward.types import Signal

PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to try: changes are made of every so manieth photograph, for the peer library of every so manieth of
    those. Every so manieth stranger is listed, too."""

    every: int
    peer_every: int
    cost_seconds: float
    """For each row of costs."""


FULL = Effort(every=1, peer_every=4, cost_seconds=4.0)
QUICK = Effort(every=5, peer_every=4, cost_seconds=0.5)


@dataclass(frozen=True, slots=True)
class Sight:
    """One changed picture: whose, which change, what each option made of it, and the peer where it was asked."""

    photograph: str
    change: str
    looks: tuple[Look, ...]
    peer: PeerLook | None = None

    def by(self, option: Option) -> Look:
        return self.looks[OPTIONS.index(option)]


class Results:
    """All that was seen, and what was listed of strangers, by their names. Shares are 0..1."""

    def __init__(self, sights: Sequence[Sight], strangers: Pictures = MappingProxyType({})) -> None:
        self.sights = sights
        self.strangers = strangers

    def only(self, photographs: Iterable[str]) -> "Results":
        """Of these photographs."""
        names = frozenset(photographs)
        return Results([sight for sight in self.sights if sight.photograph in names], self.strangers)

    def of(self, changes: Iterable[str]) -> list[Sight]:
        names = frozenset(changes)
        return [sight for sight in self.sights if sight.change in names]

    def found(self, changes: Iterable[str], option: Option) -> tuple[int, int]:
        """How many pictures with one of these changes were found, and how many there were."""
        sights = self.of(changes)
        return sum(sight.by(option).found for sight in sights), len(sights)

    def within(self, changes: Iterable[str], option: Option, radius: int) -> float:
        """The share that is found when the option's signal type has another radius."""
        sights = self.of(changes)
        return sum(_reaches(sight, option, radius) for sight in sights) / len(sights)

    def wrong(self, option: Option, radius: int) -> int:
        """How many pictures match another one when the option's signal type has another radius."""
        return sum(_errs(sight, option, radius) for sight in self.sights)

    def recall(self, change: str, option: Option) -> float:
        found, tried = self.found((change,), option)
        return found / tried

    def bits(self, change: str, option: Option) -> float | None:
        """The median distance to the photograph's own entry."""
        distances = [sight.by(option).bits for sight in self.of((change,))]
        known = [distance for distance in distances if distance is not None]
        return statistics.median(known) if known else None

    def peer_recall(self, change: str) -> float:
        peers = [sight.peer for sight in self.of((change,)) if sight.peer]
        return sum(peer.found for peer in peers) / len(peers)

    @property
    def peers(self) -> list[PeerLook]:
        return [sight.peer for sight in self.sights if sight.peer]


def _reaches(sight: Sight, option: Option, radius: int) -> bool:
    bits = sight.by(option).bits
    return (bits is not None and bits <= radius) or bool(option.beside and sight.by(option.beside).found)


def _errs(sight: Sight, option: Option, radius: int) -> bool:
    nearest = (distance for distance in (sight.by(option).other, sight.by(option).stranger) if distance is not None)
    return min(nearest, default=radius + 1) <= radius or bool(option.beside and sight.by(option.beside).wrong)


class _Hand:
    """What a process holds: made before the processes part, so that each has it without being sent it."""

    listing: ClassVar[Listing]
    peer: ClassVar[Peer]
    chosen: ClassVar[tuple[Photograph, ...]]
    effort: ClassVar[Effort]


def run(chosen: Sequence[Photograph], strangers: Sequence[Stranger], effort: Effort) -> Results:
    """All photographs are listed, whatever the effort."""
    bodies = {each.name: each.body for each in chosen}
    with _processes() as pool:
        others = dict(pool.imap_unordered(_stranger, strangers[:: effort.every], chunksize=8))
        photographs = dict(zip(bodies, pool.map(listed, bodies.values()), strict=True))
    others = {name: others[name] for name in sorted(others) if others[name]}
    print(f"{time.strftime('%H:%M:%S')}  {len(photographs)} photographs and {len(others)} strangers listed", flush=True)
    _Hand.chosen, _Hand.effort = tuple(chosen), effort
    _Hand.listing, _Hand.peer = Listing(photographs, others), Peer(bodies)
    sights: list[Sight] = []
    with _processes() as pool:
        numbers = range(0, len(chosen), effort.every)
        for number, part in zip(numbers, pool.imap(_changed, numbers), strict=True):
            sights += part
            print(f"{time.strftime('%H:%M:%S')}  {chosen[number].name}: {len(part)} pictures", flush=True)
    return Results(sights, others)


def _processes() -> Pool:
    return multiprocessing.get_context("fork").Pool(PROCESSES)


def _stranger(stranger: Stranger) -> tuple[str, Sequence[Signal]]:
    return stranger.name, stranger.signals()


def _changed(number: int) -> list[Sight]:
    return list(_sights(_Hand.chosen[number], with_peer=number % (_Hand.effort.every * _Hand.effort.peer_every) == 0))


def _sights(photograph: Photograph, with_peer: bool) -> Iterator[Sight]:
    for group in GROUPS:
        for change in group.changes:
            for way, body in enumerate(change.bodies(photograph.picture)):
                looks = _Hand.listing.looks(body, photograph.name)
                # One way of each change will do for the peer, which takes longer than all else together.
                peer = _Hand.peer.look(body, photograph.name) if with_peer and way == 0 else None
                yield Sight(photograph.name, change.name, looks, peer)

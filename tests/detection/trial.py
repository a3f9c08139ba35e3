"""Every change of every photograph, met by every option: two processes, one photograph at a time each."""

import multiprocessing
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tests.detection.changes import GROUPS
from tests.detection.listing import OPTIONS, Listing, Look, Option
from tests.detection.peer import Peer, PeerLook
from tests.detection.photographs import Photograph

PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to try: changes are made of every so manieth photograph, for the peer library of every so manieth of
    those."""

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
    """All that was seen. Shares are 0..1."""

    def __init__(self, sights: Sequence[Sight]) -> None:
        self.sights = sights

    def only(self, photographs: Iterable[str]) -> "Results":
        """Of these photographs."""
        names = frozenset(photographs)
        return Results([sight for sight in self.sights if sight.photograph in names])

    def of(self, changes: Iterable[str]) -> list[Sight]:
        names = frozenset(changes)
        return [sight for sight in self.sights if sight.change in names]

    def found(self, changes: Iterable[str], option: Option) -> tuple[int, int]:
        """How many pictures with one of these changes were found, and how many there were."""
        sights = self.of(changes)
        return sum(sight.by(option).found for sight in sights), len(sights)

    def within(self, changes: Iterable[str], option: Option, radius: int) -> float:
        """The share that another radius would find."""
        distances = [sight.by(option).bits for sight in self.of(changes)]
        return sum(distance is not None and distance <= radius for distance in distances) / len(distances)

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


class _Hand:
    """What a process holds: made before the processes part, so that each has it without being sent it."""

    listing: ClassVar[Listing]
    peer: ClassVar[Peer]
    chosen: ClassVar[tuple[Photograph, ...]]
    effort: ClassVar[Effort]


def run(chosen: Sequence[Photograph], effort: Effort) -> Results:
    """All photographs are listed, whatever the effort."""
    _Hand.chosen, _Hand.effort = tuple(chosen), effort
    _Hand.listing = Listing({each.name: each.body for each in chosen})
    _Hand.peer = Peer({each.name: each.body for each in chosen})
    sights: list[Sight] = []
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        numbers = range(0, len(chosen), effort.every)
        for number, part in zip(numbers, pool.imap(_changed, numbers), strict=True):
            sights += part
            print(f"{time.strftime('%H:%M:%S')}  {chosen[number].name}: {len(part)} pictures", flush=True)
    return Results(sights)


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

"""The requests of one worker whose response is not judged and recorded, by their number in the journal.

Some of them are pending: nobody has seen headers of a response, so no cache has stored one (unanswered.py).
"""

import math
import time
from collections import Counter
from collections.abc import Iterable, Set

from edgeward import metrics
from edgeward.lists.replication.unjudged_report import HOSTS_REPORTED, UnjudgedReport
from edgeward.proxy.journal import Journal
from edgeward.proxy.lost_sightings import NO_VERSION
from edgeward.proxy.recorder import Position, Recorder
from edgeward.proxy.unjudged_request import target_of_record
from edgeward.types import Target

HOST_CHARACTERS = 255
"""Of a host that are told: more than any name has."""


class OpenRequests:
    """Numbers of requests, until what they led to is in the store."""

    def __init__(self, journal: Journal, recorder: Recorder) -> None:
        self._journal, self._recorder = journal, recorder
        # Judged, but what was recorded of them is not yet in the store.
        self._ended: dict[int, Position] = {}
        # Unjudged, or judged by another try and not yet in the store; and since when (time.monotonic).
        self._since: dict[int, float] = {}
        self._pending: set[int] = set()
        # A wait has ended without them.
        self._stuck: set[int] = set()
        self._forgotten: Position | None = None
        # Of requests whose response was not judged.
        self._hosts: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, number: int) -> bool:
        return number in self._since

    @property
    def numbers(self) -> Set[int]:
        return self._since.keys()

    @property
    def pending(self) -> Set[int]:
        """Those of them that are pending."""
        return self._pending

    def are_pending(self, numbers: Iterable[int]) -> bool:
        """Whether all of these are."""
        return self._pending.issuperset(numbers)

    def younger(self, numbers: Iterable[int], seconds: float) -> set[int]:
        """Those of these that have not been open for so long, or that are judged and on their way to the store."""
        since = time.monotonic() - seconds
        return {number for number in numbers if self._since.get(number, 0.0) > since or number in self._ended}

    def leave(self, numbers: Iterable[int]) -> None:
        """A wait ends without these: they are stuck, until they end or are pending."""
        self._stuck.update(number for number in numbers if number in self._since)

    def open(self, number: int) -> None:
        """Its response was not judged."""
        self._since[number] = time.monotonic()
        if number in self._journal:
            self._hosts[number] = _host_of(self._journal[number])

    def has_ended(self, number: int) -> bool:
        """Whether it is judged, and what was recorded of it is on its way to the store."""
        return number in self._ended

    def set_pending(self, numbers: Iterable[int], pending: bool) -> None:
        """Whether it is known that no cache has stored a response to these."""
        for number in numbers:
            if pending and number in self._since and not self._journal.is_answered(number):
                self._pending.add(number)
            else:
                self._pending.discard(number)

    def answer(self, numbers: Iterable[int]) -> None:
        """Headers of their response are here: a cache may have stored it."""
        for number in numbers:
            self._journal.answer(number)
            self._pending.discard(number)

    def answer_try(self, numbers: Iterable[int]) -> None:
        """The same of a try of our own, which may be of a request that was not open any more."""
        for number in numbers:
            if number not in self._since:
                self.open(number)
            self.answer([number])

    def close(self, numbers: Iterable[int]) -> None:
        """Forget these requests once all that was recorded so far is in the store."""
        for number in numbers:
            if number in self._journal:
                self._ended[number] = self._recorder.position()

    def merge(self, numbers: Iterable[int]) -> list[int]:
        """These are of equal requests, and wait for the same. One is left for those that are pending, and one for the
        others, each the one that has been open for longest: whoever waits for another waits for that one too."""
        kept: dict[bool, int] = {}
        for number in sorted(numbers, key=lambda each: self._since.get(each, math.inf)):
            first = kept.setdefault(number in self._pending, number)
            if first != number:
                if self._journal.is_answered(number):
                    self.answer([first])
                if number in self._stuck:
                    self._stuck.add(first)
                self._end(number)
        return sorted(kept.values())

    def forget(self, target: Target, numbers: Iterable[int]) -> None:
        """Nobody will know what these led to: the host of their target is remembered for that."""
        self._recorder.forget(target, NO_VERSION)
        self.close(numbers)

    def free_memory(self) -> None:
        """Forget what is judged and waits for the store, the oldest first, while the journal takes too much memory. If
        this worker is killed before the store has it, the host tells what may be missing."""
        while self._journal.is_full and self._ended:
            number = next(iter(self._ended))
            self._recorder.forget(target_of_record(self._journal[number]), NO_VERSION)
            self._forgotten = self._recorder.position()
            metrics.unjudged.labels("dropped").inc()
            del self._ended[number]
            self._end(number)

    @property
    def is_forgotten_written(self) -> bool:
        """Whether the hosts of all that `free_memory` forgot are in the store."""
        return self._forgotten is None or self._recorder.is_written(self._forgotten)

    def _end(self, number: int) -> None:
        self._since.pop(number, None)
        self._hosts.pop(number, None)
        self._pending.discard(number)
        self._stuck.discard(number)
        self._journal.end(number)

    async def forget_written(self) -> None:
        """Forget requests of which everything is in the store by now."""
        while self._ended:
            number, position = next(iter(self._ended.items()))
            if not self._recorder.is_written(position):
                return
            del self._ended[number]
            self._end(number)

    def set_gauges(self) -> None:
        metrics.unjudged_pending.set(len(self._since))
        metrics.unjudged_unanswered.set(len(self._pending))

    def report(self) -> UnjudgedReport:
        """What a heartbeat says of this worker."""
        oldest = next((since for number, since in self._since.items() if number not in self._pending), None)
        hosts = Counter(host for number, host in self._hosts.items() if number not in self._pending)
        open_count = len(self._since) - len(self._pending)
        named = hosts.most_common(HOSTS_REPORTED)
        return UnjudgedReport(
            open_count=open_count,
            open_seconds=0.0 if oldest is None else time.monotonic() - oldest,
            # After the worker's end another one may have taken over what was left.
            under_way=len(self._journal) if self._journal.path.exists() else 0,
            journal=self._journal.name,
            taken_over=self._journal.taken_over,
            pending=len(self._pending),
            hosts=[host for host, _ in named],
            elsewhere=open_count - sum(count for host, count in named if host),
            stuck=len(self._stuck - self._pending),
        )


def _host_of(record: bytes) -> str:
    try:
        return target_of_record(record).host[:HOST_CHARACTERS]
    except ValueError:
        return ""

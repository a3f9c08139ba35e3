"""The requests of one worker whose response is not judged and recorded, by their number in the journal.

Some of them are pending: nobody has seen headers of a response, so no cache has stored one (unanswered.py).
"""

import time
from collections import Counter
from collections.abc import Iterable, Set

from edgeward import metrics
from edgeward.lists.replication.unjudged_report import HOSTS_REPORTED, UnjudgedReport
from edgeward.proxy.journal import Journal
from edgeward.proxy.recorder import Position, Recorder
from edgeward.proxy.request_host import target_of_request
from edgeward.proxy.request_record import unpack

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

    async def forget_written(self) -> None:
        """Forget requests of which everything is in the store by now."""
        while self._ended:
            number, position = next(iter(self._ended.items()))
            if not self._recorder.is_written(position):
                return
            del self._ended[number]
            self._since.pop(number, None)
            self._hosts.pop(number, None)
            self._pending.discard(number)
            self._journal.end(number)

    def set_gauges(self) -> None:
        metrics.unjudged_pending.set(len(self._since))
        metrics.unjudged_unanswered.set(len(self._pending))

    def report(self) -> UnjudgedReport:
        """What a heartbeat says of this worker."""
        oldest = next((since for number, since in self._since.items() if number not in self._pending), None)
        hosts = Counter(host for number, host in self._hosts.items() if number not in self._pending)
        return UnjudgedReport(
            open_count=len(self._since) - len(self._pending),
            open_seconds=0.0 if oldest is None else time.monotonic() - oldest,
            # After the worker's end another one may have taken over what was left.
            under_way=len(self._journal) if self._journal.path.exists() else 0,
            journal=self._journal.name,
            taken_over=self._journal.taken_over,
            pending=len(self._pending),
            hosts=[host for host, _ in hosts.most_common(HOSTS_REPORTED)],
        )


def _host_of(record: bytes) -> str:
    try:
        return target_of_request(unpack(record).request).host[:HOST_CHARACTERS]
    except ValueError:
        return ""

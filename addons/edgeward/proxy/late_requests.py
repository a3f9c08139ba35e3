"""Requests that nobody answered in time: each is sent once more, with a lot of time, since the cache may be fetching
the response as slowly.

Their targets are purged, but a cache where a purge does not wait for a fetch may store what comes after that. So there
a request stays open while it is asked late. For one more than may be asked so, it is not known what a cache stores in
that time.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from edgeward.proxy.journal import Journal
from edgeward.proxy.open_requests import OpenRequests
from edgeward.proxy.refetch import SLOW_BODY_SECONDS
from edgeward.proxy.request_host import target_of_request
from edgeward.proxy.request_record import unpack
from edgeward.proxy.request_repeater import Repeated
from edgeward.proxy.slow_bodies import SlowBodies
from edgeward.proxy.unanswered import Unanswered
from edgeward.proxy.unjudged_purges import UnjudgedPurges
from edgeward.proxy.unjudged_request import UnjudgedRequest

MAX_NOT_ASKED = 1000
"""Requests that could not be asked late, and count as unjudged. One more takes the place of the oldest."""


class LateRequests:
    """Those of one worker.

    Args:
        note_answer: called when headers of a response to a request are here, with the request and their status.
        unanswered: what those mean for the caches that nobody has answered.
    """

    def __init__(
        self,
        journal: Journal,
        slow_bodies: SlowBodies,
        open_requests: OpenRequests,
        purges: UnjudgedPurges,
        note_answer: Callable[[UnjudgedRequest, int], None],
        unanswered: Unanswered,
    ) -> None:
        self._journal, self._slow_bodies, self._open, self._purges = journal, slow_bodies, open_requests, purges
        self._note_answer = note_answer
        self._stay_open = unanswered is Unanswered.ASKED_AGAIN
        self._asked: dict[bytes, UnjudgedRequest] = {}
        # When they are forgotten (time.monotonic), and their numbers.
        self._not_asked: deque[tuple[float, Sequence[int]]] = deque()

    def __iter__(self) -> Iterator[UnjudgedRequest]:
        """Those that are asked late."""
        return iter(list(self._asked.values()))

    def give_up(self, request: UnjudgedRequest) -> None:
        """Nobody answered it in time: purge its target, and ask for it."""
        target, numbers = target_of_request(unpack(request.record).request), request.numbers
        if self._stay_open:
            self._purges.order(target, [])
            self.ask(request, numbers)
            return
        if not self._open.are_pending(numbers) or not self.purge_unanswered(request):
            self._open.set_pending(numbers, False)
            self._purges.order(target, numbers)
            # To ask once more for what is answered, and can't be judged, would only make a cache store it again.
            if not request.answered:
                self.ask(request, [])

    def purge_unanswered(self, request: UnjudgedRequest) -> bool:
        """Have a purge wait in the caches for what comes of a pending request, and ask for it. False: too many do, so
        what they store is not known."""
        target, numbers = target_of_request(unpack(request.record).request), request.numbers
        if not self._purges.order_unanswered(target, numbers):
            self._open.set_pending(numbers, False)
            return False
        self.ask(request, [])
        return True

    def ask(self, late: UnjudgedRequest, numbers: list[int]) -> None:
        """Ask for it once more. `numbers`: those that stay open meanwhile."""
        known = self._asked.get(late.record)
        if known is not None:
            # What is asked for already may be older than what the cache stored for these.
            known.numbers += numbers
            known.purge |= bool(numbers)
            return
        answered, ended = partial(self._note_answer, late), partial(self._end, late)
        if self._slow_bodies.ask_late(late.record, answered, ended):
            # This request of our own makes a cache store its response, like one of a client.
            late.numbers = numbers or [self._journal.begin(late.record)]
            late.answered = any(map(self._journal.is_answered, late.numbers))
            self._asked[late.record] = late
        elif numbers:
            self._count_not_asked(numbers)

    def _count_not_asked(self, numbers: Sequence[int]) -> None:
        self._open.set_pending(numbers, False)
        self._not_asked.append((time.monotonic() + SLOW_BODY_SECONDS, numbers))
        if len(self._not_asked) > MAX_NOT_ASKED:
            self._open.close(self._not_asked.popleft()[1])

    def forget_old(self) -> None:
        """Those that could not be asked late are forgotten after the time that this would have taken."""
        while self._not_asked and self._not_asked[0][0] < time.monotonic():
            self._open.close(self._not_asked.popleft()[1])

    def _end(self, late: UnjudgedRequest, result: Repeated) -> None:
        del self._asked[late.record]
        is_judged = result in (Repeated.JUDGED, Repeated.STALE) and late.version >= late.least_version
        if not late.answered or (is_judged and not late.purge):
            self._open.close(late.numbers)
        else:
            self._purges.order(target_of_request(unpack(late.record).request), late.numbers)

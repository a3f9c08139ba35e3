"""Requests that nobody answered in time: each is sent once more, with a lot of time, since the cache may be fetching
the response as slowly.

Their targets are purged, but a cache where a purge does not wait for a fetch may store what comes after that. So there
a request stays open while it is asked late. For one more than may be asked so, it is not known what a cache stores
until a place is free, or until no cache can be waiting for its origin any more: then its target is purged once more,
and whoever wants to know waits for that purge.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from edgeward.proxy.journal import Journal
from edgeward.proxy.open_requests import OpenRequests
from edgeward.proxy.request_repeater import Repeated
from edgeward.proxy.slow_bodies import SlowBodies
from edgeward.proxy.unanswered import Unanswered
from edgeward.proxy.unjudged_purges import UnjudgedPurges
from edgeward.proxy.unjudged_request import UnjudgedRequest

MAX_NOT_ASKED = 1000
"""Requests that could not be asked late, and count as unjudged. For one more the target of the oldest is purged, and
its host is remembered as one of which not everything is known."""
MARGIN_SECONDS = 10.0
"""How much longer than a cache waits for its origin a request that was not asked is unjudged: a fetch may wait before,
as for proxy_cache_lock of nginx."""


@dataclass(slots=True)
class _NotAsked:
    """A request that could not be asked late, until its target is purged once more (`purge_at`, time.monotonic)."""

    request: UnjudgedRequest
    purge_at: float


class LateRequests:
    """Those of one worker.

    Args:
        note_answer: called when headers of a response to a request are here, with the request and their status.
        unanswered: what those mean for the caches that nobody has answered.
        origin_seconds: longest that a cache waits for the headers of an origin's response.
    """

    def __init__(
        self,
        journal: Journal,
        slow_bodies: SlowBodies,
        open_requests: OpenRequests,
        purges: UnjudgedPurges,
        note_answer: Callable[[UnjudgedRequest, int], None],
        unanswered: Unanswered,
        origin_seconds: float,
    ) -> None:
        self._journal, self._slow_bodies, self._open, self._purges = journal, slow_bodies, open_requests, purges
        self._note_answer = note_answer
        self._stay_open = unanswered is Unanswered.ASKED_AGAIN
        self._asked: dict[bytes, UnjudgedRequest] = {}
        self._unknown_seconds = origin_seconds + MARGIN_SECONDS
        # By record, in the order of `purge_at`.
        self._not_asked: dict[bytes, _NotAsked] = {}

    def __iter__(self) -> Iterator[UnjudgedRequest]:
        """Those that are asked late."""
        return iter(list(self._asked.values()))

    def give_up(self, request: UnjudgedRequest) -> None:
        """Nobody answered it in time: purge its target, and ask for it."""
        target, numbers = request.target, request.numbers
        if self._stay_open:
            self._purges.order(target, [], request.client)
            self.ask(request, numbers)
            return
        if not self._open.are_pending(numbers) or not self.purge_unanswered(request):
            self._open.set_pending(numbers, False)
            self._purges.order(target, numbers, request.client)
            # To ask once more for what is answered, and can't be judged, would only make a cache store it again.
            if not request.answered:
                self.ask(request, [])

    def purge_unanswered(self, request: UnjudgedRequest) -> bool:
        """Have a purge wait in the caches for what comes of a pending request, and ask for it. False: too many do."""
        target, numbers = request.target, request.numbers
        if not self._purges.order_unanswered(target, numbers, request.client):
            return False
        self.ask(request, [])
        return True

    def ask(self, late: UnjudgedRequest, numbers: list[int]) -> None:
        """Ask for it once more. `numbers`: those that stay open meanwhile."""
        known = self._asked.get(late.record)
        if known is not None:
            # What is asked for already may be older than what the cache stored for these.
            known.numbers = self._open.merge(known.numbers + numbers)
            known.purge |= bool(numbers)
            return
        answered, ended = partial(self._note_answer, late), partial(self._end, late)
        if self._slow_bodies.ask_late(late.record, late.host, answered, ended, late.client):
            # This request of our own makes a cache store its response, like one of a client.
            late.numbers = numbers or [self._journal.begin(late.record)]
            late.answered = any(map(self._journal.is_answered, late.numbers))
            self._asked[late.record] = late
        elif numbers:
            self._count_not_asked(late, numbers)

    def _count_not_asked(self, late: UnjudgedRequest, numbers: list[int]) -> None:
        self._open.set_pending(numbers, False)
        known = self._not_asked.pop(late.record, None)
        late.numbers = self._open.merge([*(known.request.numbers if known else ()), *numbers])
        self._not_asked[late.record] = _NotAsked(late, time.monotonic() + self._unknown_seconds)
        if len(self._not_asked) > MAX_NOT_ASKED:
            oldest = self._not_asked.pop(next(iter(self._not_asked))).request
            # A cache may store it after this purge.
            self._purges.order(oldest.target, [])
            self._open.forget(oldest.target, oldest.numbers)

    def retry_not_asked(self) -> None:
        """Ask for those that could not be asked late, where there are places by now. Purge the targets of those that no
        cache can be fetching any more: from then on they are known as far as that purge is done."""
        for record, each in [*self._not_asked.items()]:
            if each.purge_at < time.monotonic():
                del self._not_asked[record]
                self._purges.order(each.request.target, each.request.numbers)
            elif record not in self._asked and self._slow_bodies.may_ask_late(
                record, each.request.host, each.request.client
            ):
                del self._not_asked[record]
                # Who has asked meanwhile was told that it is not known; what comes is judged by the lists of then.
                self.ask(each.request, each.request.numbers)

    def _end(self, late: UnjudgedRequest, result: Repeated) -> None:
        del self._asked[late.record]
        is_judged = result in (Repeated.JUDGED, Repeated.STALE) and late.version >= late.least_version
        if not late.answered or (is_judged and not late.purge):
            self._open.close(late.numbers)
        else:
            self._purges.order(late.target, late.numbers, late.client)

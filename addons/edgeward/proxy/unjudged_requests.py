"""Requests whose response was not judged: a cache may have stored an image that no sighting records.

The client hung up, the upstream broke off, the lists were not loaded yet, a HEAD or a range made the cache fetch more
than it sent, or the worker was killed before it wrote the sighting. If the image is listed, or is listed later, no
sighting would say where to purge it. So each is sent again, and its response judged and recorded like any other. What
can't be judged within GIVE_UP_SECONDS is purged from every cache: one by one, or, beyond a bound, with its whole host.

A request that nobody has answered is pending once that is known: the upstream, which is up, has left a try without an
answer for LOOK_SECONDS (or, behind the cache, at once). Then no cache has stored anything for it, and what is listed
can be known to be gone; see unanswered.py for what makes sure of that.
"""

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Sequence
from functools import partial

from mitmproxy import http

from edgeward import metrics
from edgeward.background.ttl_set import TtlSet
from edgeward.background.worker_loop import WorkerLoop
from edgeward.lists.replication.unjudged_report import UnjudgedReport
from edgeward.proxy.answer_watch import LOOK_SECONDS, AnswerWatch
from edgeward.proxy.journal import Journal
from edgeward.proxy.late_requests import LateRequests
from edgeward.proxy.newest_first_queue import NewestFirstQueue
from edgeward.proxy.open_requests import OpenRequests
from edgeward.proxy.recorder import Recorder
from edgeward.proxy.refetch import ON_ANSWER
from edgeward.proxy.request_repeater import Repeated, RequestRepeater
from edgeward.proxy.retry_places import SILENT_SECONDS, RetryPlaces
from edgeward.proxy.settling import Settling
from edgeward.proxy.slow_bodies import SlowBodies
from edgeward.proxy.stale_responses import MAX_STILL_STALE, STALE_TRIES, STILL_STALE_SECONDS
from edgeward.proxy.unanswered import Unanswered
from edgeward.proxy.unjudged_purges import UnjudgedPurges
from edgeward.proxy.unjudged_request import UnjudgedRequest, target_of_record
from edgeward.proxy.upstream_contact import UpstreamContact
from edgeward.proxy.waiting_requests import WaitingRequests

logger = logging.getLogger(__name__)

MAX_WAITING = 1000
"""Requests that wait to be sent again. For one more, one is given up: of the client with the most, at the host with the
most."""
OVERDUE_SECONDS = 600.0
"""A request whose response was not judged in this time is sent again."""
GIVE_UP_SECONDS = 30.0
"""A request that nobody answered in this time is not sent again: its target is purged."""
ANSWER_SECONDS = (1.0, 15.0)
"""How long the first try waits for the headers of a response. It doubles from try to try, up to the longest."""
TICK_SECONDS = 0.1
TAKE_OVER_SECONDS = 10.0
"""How often a worker looks for requests that killed workers of its machine left."""
PAUSE_SECONDS = (0.2, 15.0)
"""Pause before the second try; it doubles up to the longest."""
MAX_DOUBLINGS = 10
SETTLE_SECONDS = 2.0
"""A request that is not judged so long after somebody began to wait for it is purged once it ends, whatever it shows:
the one who waited did not learn of its copy."""


class UnjudgedRequests:
    """The requests that one worker sent upstream, until their responses are judged and recorded in the store.

    Args:
        unanswered: what those mean for the caches that nobody has answered.
        origin_seconds: longest that a cache waits for the headers of an origin's response.
    """

    def __init__(
        self,
        journal: Journal,
        recorder: Recorder,
        repeater: RequestRepeater,
        contact: UpstreamContact,
        unanswered: Unanswered,
        origin_seconds: float,
    ) -> None:
        self.journal, self._recorder, self._repeater = journal, recorder, repeater
        self._contact, self._unanswered = contact, unanswered
        # When, and by the client of which address.
        self._began: dict[int, tuple[float, str]] = {}
        self._open = OpenRequests(journal, recorder)
        self._waiting = WaitingRequests()
        self._purges = UnjudgedPurges(recorder, self._open.close)
        self._still_stale = TtlSet(STILL_STALE_SECONDS, MAX_STILL_STALE)
        self._take_over_at = time.monotonic() + TAKE_OVER_SECONDS
        self._new, self._due = NewestFirstQueue[UnjudgedRequest](), NewestFirstQueue[UnjudgedRequest]()
        self._later: list[tuple[float, int, UnjudgedRequest]] = []
        self._serial = itertools.count()
        self._slow_bodies = SlowBodies(repeater)
        self._places = RetryPlaces(self._slow_bodies)
        self._watch = AnswerWatch(self._open, contact, repeater, unanswered)
        note_answer = self._watch.note_answer
        self._late = LateRequests(
            journal, self._slow_bodies, self._open, self._purges, note_answer, unanswered, origin_seconds
        )
        self._settling = Settling(unanswered, self._open, contact, self._requests, self._purge_unanswered)
        self._running = False
        self._loops = [
            WorkerLoop(
                "unjudged requests",
                step,
                metric_label="unjudged_requests",
                retry_seconds=TICK_SECONDS,
                pause_seconds=TICK_SECONDS,
            )
            for step in (self._retry_due, self._open.forget_written)
        ]

    def __len__(self) -> int:
        """How many wait to be sent again."""
        return len(self._waiting)

    @property
    def open_count(self) -> int:
        """How many are not judged and recorded, nor their purge ordered; the pending ones included."""
        return len(self._open)

    def report(self) -> UnjudgedReport:
        """What a heartbeat says of this worker."""
        return self._open.report()

    def take_over(self) -> None:
        """Continue with the requests that killed workers left."""
        numbers = self.journal.take_over(self._repeater.recorded_headers.pack_again)
        for number in numbers:
            self.retry(number)
        if numbers:
            logger.info("sending %d requests of a killed worker again", len(numbers))

    def learn(self, host: str, vary: Sequence[str]) -> None:
        """A response of this host has named these request headers in Vary, in lower case: record them from now on."""
        self._repeater.learn(host, vary)

    async def start(self) -> None:
        self._running = True
        for loop in self._loops:
            await loop.start()

    async def close(self) -> None:
        """Leave the rest to the next worker."""
        self._running = False
        fetches = self._places.fetches
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*(loop.close() for loop in self._loops), *fetches, return_exceptions=True)
        await self._slow_bodies.close()
        await self._contact.close()
        await self._open.forget_written()
        self.journal.close()

    def begin(self, request: http.Request, client: str = "") -> int:
        """A request of the client with this address goes upstream. Returns its number."""
        self._open.free_memory()
        number = self.journal.begin(self._repeater.recorded_headers.pack(request))
        self._began[number] = time.monotonic(), client
        return number

    def answer(self, number: int) -> None:
        """Headers of its response are here: from now on a cache may have stored it."""
        self._contact.answered()
        self._open.answer([number])

    def end(self, number: int, recorded: bool) -> None:
        """Its response is judged. If something was `recorded`, the request is forgotten once that is in the store."""
        self._began.pop(number, None)
        # One that took so long that it is sent again ends with that.
        if number not in self.journal or number in self._open:
            return
        if recorded:
            self._open.close([number])
        else:
            self.journal.end(number)

    def retry(self, number: int) -> None:
        """Its response was not judged: send it again."""
        _, client = self._began.pop(number, (0.0, ""))
        if number not in self.journal or self._open.has_ended(number) or number in self._open:
            return
        self._open.open(number)
        self._open.set_pending([number], self._unanswered is Unanswered.NEVER_STORED)
        record = self.journal[number]
        known = self._waiting.get(record)
        if known is not None:
            known.join(number, self.journal.is_answered(number), self._open.merge)
            self._move(known, client)
            self._restart_silent(known)
        elif (len(self._waiting) >= MAX_WAITING or self.journal.is_full) and not self._make_room(
            (target := target_of_record(record)).host, client
        ):
            self._purges.order(target, [number], client)
        else:
            self._add(record, [number], client)
        self._open.set_gauges()

    def retry_stale(self, number: int, recorded: bool) -> None:
        """Its response was stale, and judged (see `end`): send it again, since the cache may fetch another.

        Not if it stays stale, nor if many wait: then what is judged must not make room for it.
        """
        known = number in self.journal and self.journal[number] in self._still_stale
        if known or len(self._waiting) >= MAX_WAITING // 2:
            self.end(number, recorded)
        else:
            self.retry(number)

    def _add(self, record: bytes, numbers: list[int], client: str) -> UnjudgedRequest:
        waiting = UnjudgedRequest(record, numbers, GIVE_UP_SECONDS, client)
        waiting.answered = any(map(self.journal.is_answered, numbers))
        self._waiting.add(waiting)
        self._new.add(waiting.host, waiting, client)
        self._fill_places()
        return waiting

    def _move(self, waiting: UnjudgedRequest, client: str) -> None:
        """This client made the same request. Where it is not sent yet, it does not wait behind the crowd of another."""
        if client != waiting.client and waiting in self._new:
            self._new.remove(waiting)
            self._waiting.move(waiting, client)
            self._new.add(waiting.host, waiting, client)

    def _make_room(self, host: str, client: str) -> bool:
        """Give up one request for one of `client` at `host`. False: there is none that makes room."""
        given_up = self._waiting.to_give_up(host, client, self._is_pending)
        if given_up is None:
            return False
        self._finish(given_up, Repeated.TRY_AGAIN if self._is_pending(given_up) else Repeated.NOT_JUDGEABLE)
        return True

    def _is_pending(self, waiting: UnjudgedRequest) -> bool:
        return self._open.are_pending(waiting.numbers)

    async def settle(self, version: int = 0) -> None:
        """Wait until what is unjudged now is judged by the lists at `version` or above, or purged, and that is in the
        store; of what nobody has answered, until it is known that no cache has a copy, and none stays in one."""
        await self._settling.settle(version, SETTLE_SECONDS)

    def _requests(self) -> list[UnjudgedRequest]:
        """All that are sent again."""
        return [*self._waiting.values(), *self._late]

    def _purge_unanswered(self, waiting: UnjudgedRequest) -> bool:
        """Have a purge wait in the caches for what comes of it. False: too many do."""
        is_silent = waiting in self._waiting and self._is_pending(waiting)
        if not is_silent or not self._late.purge_unanswered(waiting):
            return not is_silent
        if waiting.fetch is not None:
            waiting.fetch.cancel()
        self._remove(waiting)
        return True

    # When which request is sent.

    async def _retry_due(self) -> None:
        now = time.monotonic()
        if now >= self._take_over_at:
            self._take_over_at = now + TAKE_OVER_SECONDS
            self.take_over()
        self._retry_overdue(now)
        while self._later and self._later[0][0] <= now:
            _, _, waiting = heapq.heappop(self._later)
            if waiting in self._waiting:
                self._due.add(waiting.host, waiting, waiting.client)
        self._expire(now)
        self._purges.order_excess()
        self._late.retry_not_asked()
        self._fill_places()
        self._open.set_gauges()

    def _retry_overdue(self, now: float) -> None:
        """Retry requests that began long ago and never ended."""
        while self._began:
            number, (began, _) = next(iter(self._began.items()))
            if began >= now - OVERDUE_SECONDS:
                return
            self.retry(number)

    def _expire(self, now: float) -> None:
        """Give up requests that have waited too long, the oldest first. Their time begins when the lists are loaded:
        until then none can be judged."""
        if not self._repeater.ready:
            for waiting in self._waiting.values():
                waiting.give_up_at = now + GIVE_UP_SECONDS
            return
        expired = itertools.takewhile(lambda each: each.give_up_at < now, self._waiting.values())
        for waiting in [each for each in expired if not each.fetching]:
            self._finish(waiting, Repeated.TRY_AGAIN)

    def _fill_places(self) -> None:
        """Send as many as may be sent at the same time."""
        while self._running and self._places.is_free and (waiting := self._next()):
            waiting.fetch = asyncio.create_task(self._try(waiting), name="unjudged request")
            self._places.take(waiting.fetch, waiting)
            waiting.fetch.add_done_callback(self._end_fetch)

    def _next(self) -> UnjudgedRequest | None:
        may_send = self._places.hosts()
        return self._new.take(may_send) or (self._due.take(may_send) if self._places.may_retry else None)

    def _end_fetch(self, fetch: asyncio.Task[None]) -> None:
        waiting = self._places.end(fetch)
        waiting.fetch = None
        if waiting.restarts and waiting in self._waiting:
            waiting.restarts = False
            waiting.merge_missed(self._open.merge)
            self._new.add(waiting.host, waiting, waiting.client)
        self._fill_places()

    def _restart_silent(self, waiting: UnjudgedRequest) -> None:
        """Begin a try anew that has found out that nobody answers, if the same request was made again meanwhile: that
        one may have been answered, and the cache have stored it."""
        known_silent = not waiting.answered and self._is_pending(waiting)
        if waiting.fetch is not None and waiting.missed and known_silent and not waiting.restarts:
            waiting.restarts = True
            waiting.fetch.cancel()

    # One try.

    async def _try(self, waiting: UnjudgedRequest) -> None:
        waiting.turned_away = False
        fetch = asyncio.current_task()
        assert fetch is not None
        ON_ANSWER.set(partial(self._note_answer, fetch, waiting))
        look = asyncio.create_task(self._look(fetch, waiting), name="unjudged request, look")
        began = time.monotonic()
        try:
            result = await self._slow_bodies.repeat(waiting.record, self._answer_seconds(waiting))
        finally:
            look.cancel()
        if result in (Repeated.JUDGED, Repeated.STALE) and waiting.version < waiting.least_version:
            result = Repeated.TRY_AGAIN
        if result is Repeated.TRY_AGAIN and (waiting.turned_away or time.monotonic() >= began + LOOK_SECONDS):
            await self._watch.note_silence(waiting)
        if self._is_asked_again(waiting, result):
            self._try_later(waiting)
            return
        if result is Repeated.STALE:
            self._still_stale.add(waiting.record)
            result = Repeated.JUDGED
        self._finish(waiting, result)

    def _note_answer(self, fetch: asyncio.Task[None], waiting: UnjudgedRequest, status: int) -> None:
        self._places.answer(fetch)
        self._watch.note_answer(waiting, status)

    async def _look(self, fetch: asyncio.Task[None], waiting: UnjudgedRequest) -> None:
        await asyncio.sleep(SILENT_SECONDS)
        if self._places.leave_silent(fetch):
            self._fill_places()
        await asyncio.sleep(LOOK_SECONDS - SILENT_SECONDS)
        await self._watch.note_silence(waiting)
        self._restart_silent(waiting)

    def _is_asked_again(self, waiting: UnjudgedRequest, result: Repeated) -> bool:
        if result is Repeated.STALE:
            return waiting.tries < STALE_TRIES
        in_time = time.monotonic() < waiting.give_up_at or not self._repeater.ready
        return result is Repeated.TRY_AGAIN and in_time

    def _answer_seconds(self, waiting: UnjudgedRequest) -> float:
        first, longest = ANSWER_SECONDS
        return min(first * (1 << waiting.tries), longest, max(first, waiting.give_up_at - time.monotonic()))

    def _try_later(self, waiting: UnjudgedRequest) -> None:
        due = time.monotonic() + min(PAUSE_SECONDS[1], PAUSE_SECONDS[0] * 2**waiting.tries)
        # Limited, or the power would overflow a float in the end.
        waiting.tries = min(waiting.tries + 1, MAX_DOUBLINGS)
        waiting.merge_missed(self._open.merge)
        heapq.heappush(self._later, (due, next(self._serial), waiting))

    def _finish(self, waiting: UnjudgedRequest, result: Repeated) -> None:
        """It is judged, or never will be."""
        self._remove(waiting)
        if result is Repeated.JUDGED and not waiting.purge:
            metrics.unjudged.labels("judged").inc()
            self._open.close(waiting.numbers)
        elif result is Repeated.TRY_AGAIN and self._unanswered is Unanswered.NEVER_STORED and not waiting.answered:
            metrics.unjudged.labels("unanswered").inc()
            self._open.close(waiting.numbers)
        elif result is Repeated.TRY_AGAIN:
            self._late.give_up(waiting)
        else:
            self._purges.order(waiting.target, waiting.numbers, waiting.client)

    def _remove(self, waiting: UnjudgedRequest) -> None:
        """It waits no more; the same request may, if it was made again."""
        self._waiting.remove(waiting)
        self._new.remove(waiting)
        self._due.remove(waiting)
        missed, waiting.missed = waiting.missed, []
        if missed:
            again = self._add(waiting.record, missed, waiting.client)
            again.purge, again.least_version = waiting.purge, waiting.least_version

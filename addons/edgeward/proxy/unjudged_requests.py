"""Requests whose response was not judged: a cache may have stored an image that no sighting records.

The client hung up, the upstream broke off, the lists were not loaded yet, a HEAD or a range made the cache fetch more
than it sent, or the worker was killed before it wrote the sighting. If the image is listed, or is listed later, no
sighting would say where to purge it. So each is sent again, and its response judged and recorded like any other. What
can't be judged within GIVE_UP_SECONDS is purged from every cache: one by one, or, beyond a bound, with its whole host.
"""

import asyncio
import heapq
import itertools
import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

from mitmproxy import http

from edgeward import metrics
from edgeward.background.polling import Polling
from edgeward.background.ttl_set import TtlSet
from edgeward.background.worker_loop import WorkerLoop
from edgeward.lists.replication.unjudged_report import UnjudgedReport
from edgeward.proxy.journal import Journal
from edgeward.proxy.lost_sightings import NO_VERSION
from edgeward.proxy.newest_first_queue import NewestFirstQueue
from edgeward.proxy.purge_allowance import PurgeAllowance
from edgeward.proxy.recorder import Position, Recorder
from edgeward.proxy.request_host import target_of_request
from edgeward.proxy.request_record import unpack
from edgeward.proxy.request_repeater import Repeated, RequestRepeater
from edgeward.proxy.slow_bodies import SlowBodies
from edgeward.proxy.stale_responses import MAX_STILL_STALE, STALE_TRIES, STILL_STALE_SECONDS
from edgeward.proxy.unjudged_request import UnjudgedRequest
from edgeward.types import Target

logger = logging.getLogger(__name__)

MAX_WAITING = 1000
"""Requests that wait to be sent again. For one more, the target of one is purged at once, of the host with the most."""
MAX_EXCESS = 300
"""Targets that wait to be purged one by one; see PurgeAllowance."""
OVERDUE_SECONDS = 600.0
"""A request whose response was not judged in this time is sent again."""
GIVE_UP_SECONDS = 30.0
"""A request that nobody answered in this time is not sent again: its target is purged."""
MAX_FETCHES = 16
"""Requests that are sent at the same time ..."""
MAX_FETCHES_PER_HOST = 12
"""... of one host ..."""
MAX_RETRIES = 8
"""... and of those that were sent before: some places stay free for new ones."""
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
SETTLE_POLL_SECONDS = (0.001, 0.05)


class _GivenUp(NamedTuple):
    """A target that nobody could judge, and the numbers that it stands for."""

    target: Target
    numbers: Sequence[int]


class UnjudgedRequests:
    """The requests that one worker sent upstream, until their responses are judged and recorded in the store."""

    def __init__(self, journal: Journal, recorder: Recorder, repeater: RequestRepeater) -> None:
        self.journal, self._recorder, self._repeater = journal, recorder, repeater
        self._began: dict[int, float] = {}
        # Judged, but what was recorded of them is not yet in the store.
        self._ended: dict[int, Position] = {}
        # Unjudged, or judged by another try and not yet in the store; and since when (time.monotonic).
        self._open: dict[int, float] = {}
        self._waiting: dict[bytes, UnjudgedRequest] = {}
        self._waiting_by_host = Counter[str]()
        self._allowance = PurgeAllowance()
        # Given up beyond the allowance, by host.
        self._excess: dict[str, list[_GivenUp]] = {}
        self._still_stale = TtlSet(STILL_STALE_SECONDS, MAX_STILL_STALE)
        self._take_over_at = time.monotonic() + TAKE_OVER_SECONDS
        self._new, self._due = NewestFirstQueue[UnjudgedRequest](), NewestFirstQueue[UnjudgedRequest]()
        self._later: list[tuple[float, int, UnjudgedRequest]] = []
        self._serial = itertools.count()
        self._fetches: dict[asyncio.Task[None], UnjudgedRequest] = {}
        self._slow_bodies = SlowBodies(repeater)
        self._running = False
        self._loops = [
            WorkerLoop(
                "unjudged requests",
                step,
                metric_label="unjudged_requests",
                retry_seconds=TICK_SECONDS,
                pause_seconds=TICK_SECONDS,
            )
            for step in (self._retry_due, self._forget_written)
        ]

    def __len__(self) -> int:
        """How many wait to be sent again."""
        return len(self._waiting)

    @property
    def open_count(self) -> int:
        """How many are not judged and recorded, nor their purge ordered."""
        return len(self._open)

    def report(self) -> UnjudgedReport:
        """What a heartbeat says of this worker."""
        oldest = next(iter(self._open.values()), None)
        return UnjudgedReport(
            open_count=len(self._open),
            open_seconds=0.0 if oldest is None else time.monotonic() - oldest,
            # After `close` another worker may have taken over what was left.
            under_way=len(self.journal) if self.journal.path.exists() else 0,
            journal=self.journal.name,
            taken_over=self.journal.taken_over,
        )

    def take_over(self) -> None:
        """Continue with the requests that killed workers left."""
        numbers = self.journal.take_over(self._repeater.recorded_headers.pack_again)
        for number in numbers:
            self.retry(number)
        if numbers:
            logger.info("sending %d requests of a killed worker again", len(numbers))

    def learn(self, vary: Sequence[str]) -> None:
        """Record these headers of requests from now on: a response has named them in Vary, in lower case."""
        self._repeater.recorded_headers.learn(vary)

    async def start(self) -> None:
        self._running = True
        for loop in self._loops:
            await loop.start()

    async def close(self) -> None:
        """Leave the rest to the next worker."""
        self._running = False
        fetches = [*self._fetches]
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*(loop.close() for loop in self._loops), *fetches, return_exceptions=True)
        await self._slow_bodies.close()
        await self._forget_written()
        self.journal.close()

    def begin(self, request: http.Request) -> int:
        """A request goes upstream. Returns its number."""
        number = self.journal.begin(self._repeater.recorded_headers.pack(request))
        self._began[number] = time.monotonic()
        return number

    def end(self, number: int, recorded: bool) -> None:
        """Its response is judged. If something was `recorded`, the request is forgotten once that is in the store."""
        self._began.pop(number, None)
        # One that took so long that it is sent again ends with that.
        if number not in self.journal or number in self._open:
            return
        if recorded:
            self._ended[number] = self._recorder.position()
        else:
            self.journal.end(number)

    def retry(self, number: int) -> None:
        """Its response was not judged: send it again."""
        self._began.pop(number, None)
        if number not in self.journal or number in self._ended or number in self._open:
            return
        self._open[number] = time.monotonic()
        record = self.journal[number]
        known = self._waiting.get(record)
        if known is not None:
            # One fetch does for both, unless it has begun: its response may be older than what the cache stored now.
            (known.missed if known.fetching else known.numbers).append(number)
        elif len(self._waiting) >= MAX_WAITING and not self._make_room(target_of_request(unpack(record).request).host):
            self._give_up([number], record)
        else:
            self._add(record, [number])
        metrics.unjudged_pending.set(len(self._open))

    def retry_stale(self, number: int, recorded: bool) -> None:
        """Its response was stale, and judged (see `end`): send it again, since the cache may fetch another.

        Not if it stays stale, nor if many wait: then what is judged must not make room for it.
        """
        known = number in self.journal and self.journal[number] in self._still_stale
        if known or len(self._waiting) >= MAX_WAITING // 2:
            self.end(number, recorded)
        else:
            self.retry(number)

    def _add(self, record: bytes, numbers: list[int]) -> UnjudgedRequest:
        self._waiting[record] = waiting = UnjudgedRequest(record, numbers, GIVE_UP_SECONDS)
        self._waiting_by_host[waiting.host] += 1
        self._new.add(waiting.host, waiting)
        self._fill_places()
        return waiting

    def _make_room(self, host: str) -> bool:
        """Give up the oldest request of the host with the most, for one of `host`. False: that is the same host."""
        crowded, count = max(self._waiting_by_host.items(), key=itemgetter(1), default=("", 0))
        if count <= self._waiting_by_host.get(host, 0):
            return False
        idle = (each for each in self._waiting.values() if each.host == crowded and not each.fetching)
        if (oldest := next(idle, None)) is None:
            return False
        self._finish(oldest, Repeated.NOT_JUDGEABLE)
        return True

    async def settle(self) -> None:
        """Wait until what is unjudged now is judged or purged, and that is in the store."""
        numbers, polling = set(self._open), Polling(*SETTLE_POLL_SECONDS)
        deadline = time.monotonic() + SETTLE_SECONDS
        while numbers := numbers & self._open.keys():
            if time.monotonic() > deadline:
                # Of all that is so old: others may have begun to wait meanwhile.
                for waiting in self._waiting.values():
                    waiting.purge |= waiting.age() > SETTLE_SECONDS
            await polling.pause()
            await self._forget_written()

    # When which request is sent.

    async def _retry_due(self) -> None:
        now = time.monotonic()
        if now >= self._take_over_at:
            self._take_over_at = now + TAKE_OVER_SECONDS
            self.take_over()
        self._retry_overdue(now)
        while self._later and self._later[0][0] <= now:
            _, _, waiting = heapq.heappop(self._later)
            if self._is_waiting(waiting):
                self._due.add(waiting.host, waiting)
        self._expire(now)
        self._purge_excess()
        self._fill_places()
        metrics.unjudged_pending.set(len(self._open))

    def _retry_overdue(self, now: float) -> None:
        """Retry requests that began long ago and never ended."""
        while self._began:
            number, began = next(iter(self._began.items()))
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
        while self._running and len(self._fetches) - len(self._slow_bodies) < MAX_FETCHES and (waiting := self._next()):
            waiting.fetching = True
            fetch = asyncio.create_task(self._try(waiting), name="unjudged request")
            self._fetches[fetch] = waiting
            fetch.add_done_callback(self._end_fetch)

    def _next(self) -> UnjudgedRequest | None:
        placed = [waiting for fetch, waiting in self._fetches.items() if fetch not in self._slow_bodies]
        by_host = Counter(waiting.host for waiting in placed)
        retries = sum(waiting.tries > 0 for waiting in placed)

        def may_send(host: str) -> bool:
            return by_host[host] < MAX_FETCHES_PER_HOST

        return self._new.take(may_send) or (self._due.take(may_send) if retries < MAX_RETRIES else None)

    def _end_fetch(self, fetch: asyncio.Task[None]) -> None:
        self._fetches.pop(fetch).fetching = False
        self._fill_places()

    def _is_waiting(self, waiting: UnjudgedRequest) -> bool:
        return self._waiting.get(waiting.record) is waiting

    # One try.

    async def _try(self, waiting: UnjudgedRequest) -> None:
        result = await self._slow_bodies.repeat(waiting.record, self._answer_seconds(waiting))
        if self._is_asked_again(waiting, result):
            self._try_later(waiting)
            return
        if result is Repeated.STALE:
            self._still_stale.add(waiting.record)
            result = Repeated.JUDGED
        self._finish(waiting, result)

    def _is_asked_again(self, waiting: UnjudgedRequest, result: Repeated) -> bool:
        if result is Repeated.STALE:
            return waiting.tries < STALE_TRIES
        in_time = time.monotonic() < waiting.give_up_at or not self._repeater.ready
        return result is Repeated.TRY_AGAIN and in_time

    def _answer_seconds(self, waiting: UnjudgedRequest) -> float:
        first, longest = ANSWER_SECONDS
        return min(first * (1 << waiting.tries), longest, max(first, waiting.give_up_at - time.monotonic()))

    def _try_later(self, waiting: UnjudgedRequest) -> None:
        first, longest = PAUSE_SECONDS
        due = time.monotonic() + min(longest, first * 2**waiting.tries)
        # Limited, or the power would overflow a float in the end.
        waiting.tries = min(waiting.tries + 1, MAX_DOUBLINGS)
        waiting.numbers += waiting.missed
        waiting.missed.clear()
        heapq.heappush(self._later, (due, next(self._serial), waiting))

    def _finish(self, waiting: UnjudgedRequest, result: Repeated) -> None:
        """It is judged, or never will be."""
        del self._waiting[waiting.record]
        self._waiting_by_host[waiting.host] -= 1
        if not self._waiting_by_host[waiting.host]:
            del self._waiting_by_host[waiting.host]
        self._new.remove(waiting)
        self._due.remove(waiting)
        if result is Repeated.TRY_AGAIN:
            self._slow_bodies.ask_late(waiting.record)
        if result is not Repeated.JUDGED or waiting.purge:
            self._give_up(waiting.numbers, waiting.record)
        else:
            metrics.unjudged.labels("judged").inc()
            self._close_numbers(waiting.numbers)
        if waiting.missed:
            again = self._add(waiting.record, waiting.missed)
            again.purge = waiting.purge

    def _give_up(self, numbers: Sequence[int], record: bytes) -> None:
        """Order a purge of a target that nobody could judge, now or as soon as the allowance permits it. Where too many
        wait for that, the whole host is purged that has the most."""
        given_up = _GivenUp(target_of_request(unpack(record).request), numbers)
        host = given_up.target.host
        if host not in self._excess and self._allowance.take(host):
            self._purge(given_up)
            return
        self._excess.setdefault(host, []).append(given_up)
        if sum(map(len, self._excess.values())) > MAX_EXCESS:
            self._forget_host(max(self._excess, key=lambda each: len(self._excess[each])))

    def _purge(self, given_up: _GivenUp) -> None:
        # A purge that is lost is counted by the recorder, which remembers its host.
        ordered = self._recorder.order_unjudged_purge(given_up.target)
        metrics.unjudged.labels("purged" if ordered else "dropped").inc()
        self._close_numbers(given_up.numbers)

    def _purge_excess(self) -> None:
        """Order what the allowance permits by now."""
        for host in [*self._excess]:
            waiting = self._excess[host]
            while waiting and self._allowance.take(host):
                self._purge(waiting.pop(0))
            if not waiting:
                del self._excess[host]

    def _forget_host(self, host: str) -> None:
        """Have a host purged as a whole, by one order for all that was given up there."""
        forgotten = self._excess.pop(host)
        logger.warning("%d responses could not be judged: everything of their host is purged", len(forgotten))
        for each in forgotten:
            metrics.unjudged.labels("dropped").inc()
            self._recorder.forget(each.target, NO_VERSION)
        for each in forgotten:
            self._close_numbers(each.numbers)

    def _close_numbers(self, numbers: Iterable[int]) -> None:
        """Forget these requests once all that was recorded so far is in the store."""
        for number in numbers:
            if number in self.journal:
                self._ended[number] = self._recorder.position()

    async def _forget_written(self) -> None:
        """Forget requests of which everything is in the store by now."""
        while self._ended:
            number, position = next(iter(self._ended.items()))
            if not self._recorder.is_written(position):
                return
            del self._ended[number]
            self._open.pop(number, None)
            self.journal.end(number)

"""Requests whose response was not judged: a cache may have stored an image that no sighting records.

The client hung up, the upstream broke off, the lists were not loaded yet, or the worker was killed before it wrote the
sighting. If the image is listed, or is listed later, no sighting would say where to purge it. So each is sent again
once, and its response judged and recorded like any other.
"""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass

from mitmproxy import http

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.proxy.journal import Journal
from edgeward.proxy.judge import Judge
from edgeward.proxy.recorder import Position, Recorder
from edgeward.proxy.refetch import FullResponse, Refetcher, RefetchFailed
from edgeward.proxy.target_cache import vary_names, with_vary
from edgeward.types import Reason, Sighting, Target

logger = logging.getLogger(__name__)

MAX_WAITING = 1000
"""Requests that wait to be sent again. One more is dropped, and counted as a dropped sighting."""
OVERDUE_SECONDS = 600.0
"""A request whose response was not judged in this time is sent again."""
CONCURRENT_FETCHES = 4
TICK_SECONDS = 0.1
PAUSE_SECONDS = (0.2, 15.0)
"""Pause before the second try; it doubles up to the longest."""
MAX_DOUBLINGS = 10
_CREDENTIALS = frozenset((b"authorization", b"proxy-authorization", b"cookie"))
"""Not recorded. A shared cache does not store what only their owner may see (RFC 9111, 3.5)."""
MAX_SERVER_ERRORS = 12
"""After this many responses of 5xx a request is dropped. An unreachable upstream is retried for ever."""


@dataclass(slots=True)
class _UnjudgedRequest:
    """A request to be sent again at `due` (time.monotonic)."""

    number: int
    request: bytes
    due: float = 0.0
    tries: int = 0
    server_errors: int = 0


class UnjudgedRequests:
    """The requests that one worker sent upstream, until their responses are judged and recorded in the store."""

    def __init__(self, journal: Journal, judge: Judge, recorder: Recorder, refetcher: Refetcher) -> None:
        self.journal, self._judge, self._recorder, self._refetcher = journal, judge, recorder, refetcher
        self._began: deque[tuple[int, float]] = deque()
        # Judged, but what was recorded of them is not yet in the store.
        self._ended: dict[int, Position] = {}
        self._waiting: dict[bytes, _UnjudgedRequest] = {}
        self._loops = [
            WorkerLoop(
                "unjudged requests",
                step,
                metric_label="unjudged_requests",
                retry_seconds=TICK_SECONDS,
                pause_seconds=TICK_SECONDS,
            )
            # Apart: what is written is forgotten also while an upstream keeps the other waiting.
            for step in (self._retry_due, self._forget_written)
        ]

    def __len__(self) -> int:
        """How many wait to be sent again."""
        return len(self._waiting)

    async def start(self) -> None:
        """Begin with the requests that killed workers left."""
        for number in self.journal.take_over():
            self.retry(number)
        if self._waiting:
            logger.info("sending %d requests of a killed worker again", len(self._waiting))
        for loop in self._loops:
            await loop.start()

    async def close(self) -> None:
        """Leave the rest to the next worker."""
        await asyncio.gather(*(loop.close() for loop in self._loops))
        await self._forget_written()
        self.journal.close()

    def begin(self, request: http.Request) -> int:
        """A request goes upstream. Returns its number."""
        number = self.journal.begin(_pack(request))
        self._began.append((number, time.monotonic()))
        return number

    def end(self, number: int, recorded: bool) -> None:
        """Its response is judged. If something was `recorded`, the request is forgotten once that is in the store."""
        if number not in self.journal:
            return
        if recorded:
            self._ended[number] = self._recorder.position()
        else:
            self.journal.end(number)

    def retry(self, number: int) -> None:
        """Its response was not judged: send it again."""
        if number not in self.journal or number in self._ended:
            return
        request = self.journal[number]
        # The same request waits already: one fetch does for both.
        if (known := self._waiting.get(request)) and known.number != number:
            self.journal.end(number)
        elif known is None and len(self._waiting) >= MAX_WAITING:
            metrics.sightings_dropped.inc()
            self.journal.end(number)
        elif known is None:
            self._waiting[request] = _UnjudgedRequest(number, request)

    async def _retry_due(self) -> None:
        """Send again what is due."""
        now = time.monotonic()
        self._retry_overdue(now)
        due = [each for each in self._waiting.values() if each.due <= now][:CONCURRENT_FETCHES]
        await asyncio.gather(*map(self._try, due))

    async def _forget_written(self) -> None:
        """Forget requests of which everything is in the store by now."""
        while self._ended:
            number, position = next(iter(self._ended.items()))
            if not self._recorder.is_written(position):
                return
            del self._ended[number]
            self.journal.end(number)

    def _retry_overdue(self, now: float) -> None:
        """Retry requests that began long ago and never ended."""
        while self._began and (self._began[0][0] not in self.journal or self._began[0][1] < now - OVERDUE_SECONDS):
            self.retry(self._began.popleft()[0])

    async def _try(self, waiting: _UnjudgedRequest) -> None:
        try:
            done = await self._fetch_and_judge(waiting)
        except Exception:
            # A defect must cost one request, not all that come after it: it is counted.
            metrics.gate_errors.labels("unjudged_requests").inc()
            logger.exception("a request that was sent again could not be judged")
            done = True
        if done:
            del self._waiting[waiting.request]
            self.end(waiting.number, recorded=True)
        else:
            first, longest = PAUSE_SECONDS
            waiting.due = time.monotonic() + min(longest, first * 2**waiting.tries)
            # Limited, or the power would overflow a float in the end.
            waiting.tries = min(waiting.tries + 1, MAX_DOUBLINGS)

    async def _fetch_and_judge(self, waiting: _UnjudgedRequest) -> bool:
        """Returns whether the request is done with; otherwise it must be tried again."""
        request = _unpack(waiting.request)
        try:
            full = await self._refetcher.fetch(request)
        except RefetchFailed as error:
            # An upstream that answers, but not with a complete image within the limits, never will.
            return not isinstance(error.__cause__, OSError)
        if full.status >= 500:
            waiting.server_errors += 1
            return waiting.server_errors >= MAX_SERVER_ERRORS
        return full.body is None or await self._judge_body(request, full, full.body)

    async def _judge_body(self, request: http.Request, full: FullResponse, body: bytes) -> bool:
        fingerprint, verdict = await self._judge.judge(body, full.codings, full.declared)
        if fingerprint is None:
            return False
        if verdict.reason is Reason.NOT_IMAGE:
            return True
        base = Target(request.scheme, request.host_header or "", request.data.path.decode("latin-1"), (), len(body))
        target = with_vary(base, vary_names(full.headers.get("vary")), request.headers)
        self._recorder.record_sighting(Sighting(target, fingerprint, time.time(), verdict.version))
        if verdict.blocks and verdict.match is not None:
            self._recorder.order_purge(target, fingerprint.sha256, verdict)
        return True


def _pack(request: http.Request) -> bytes:
    fields = request.headers.fields
    if "host" not in request.headers:  # HTTP/2 has it in :authority
        fields = ((b"host", request.data.authority), *fields)
    lines = (b"%b: %b" % field for field in fields if field[0].lower() not in _CREDENTIALS)
    return b"\r\n".join((request.data.scheme, request.data.path, *lines))


def _unpack(data: bytes) -> http.Request:
    scheme, path, *lines = data.split(b"\r\n")
    request = http.Request.make("GET", "http://upstream/")
    request.data.scheme, request.data.path = scheme, path
    request.headers = http.Headers([(name, value) for name, _, value in (line.partition(b": ") for line in lines)])
    return request

"""Requests that went to the upstream and whose response nobody judged: the cache may have stored it all the same.

The client hung up, the upstream broke off, the lists were not loaded yet, or the worker was killed, with what it had
noted not on record. An image that a cache got in this way would be missed when it is listed, or would stay if it is.
So what was asked for is fetched again, judged, and noted like any other; that is no more than one request for each.
"""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass

from mitmproxy import http

from edgeward import metrics
from edgeward.proxy.journal import Journal
from edgeward.proxy.judge import Judge
from edgeward.proxy.memory import vary_names, with_vary
from edgeward.proxy.refetch import Refetcher, RefetchFailed, Whole
from edgeward.takedown.recorder import Mark, Recorder
from edgeward.types import Reason, Sighting, Target

logger = logging.getLogger(__name__)

HELD = 1000
"""Requests that wait to be looked at again; one more is counted as a sighting that was dropped."""
LATE_SECONDS = 600.0
"""A request of which nothing was heard for so long is looked at again."""
AT_ONCE = 4
TICK_SECONDS = 0.1
PAUSE_SECONDS = (0.2, 15.0)
"""Before the second look, and the longest pause."""
MOST_DOUBLED = 10
_NOT_KEPT = frozenset((b"authorization", b"proxy-authorization", b"cookie"))
"""Who asked is not written down. What only they may see, a shared cache does not store (RFC 9111, section 3.5)."""
ERRORS = 12
"""So often an upstream may answer with an error of its own (5xx). One that does not answer is asked for ever."""


@dataclass(slots=True)
class _Loose:
    """A request to be looked at again, when `due` (time.monotonic)."""

    number: int
    request: bytes
    due: float = 0.0
    tries: int = 0
    errors: int = 0


class LooseEnds:
    """What one worker sent upstream, until it is judged and on record."""

    def __init__(self, journal: Journal, judge: Judge, recorder: Recorder, refetcher: Refetcher) -> None:
        self._journal, self._judge, self._recorder, self._refetcher = journal, judge, recorder, refetcher
        self._began: deque[tuple[int, float]] = deque()
        self._ended: dict[int, Mark] = {}
        self._loose: dict[bytes, _Loose] = {}
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many wait to be looked at again."""
        return len(self._loose)

    async def start(self) -> None:
        """Begin with what killed workers left."""
        for number in self._journal.adopt():
            self.again(number)
        if self._loose:
            logger.info("%d requests that a worker left under way are looked at again", len(self._loose))
        self._task = asyncio.create_task(self._run(), name="loose ends")

    async def close(self) -> None:
        """What is not done is left for the next worker."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._release()
        self._journal.close()

    def begin(self, request: http.Request) -> int:
        """A request goes upstream. Returns its number."""
        number = self._journal.begin(_packed(request))
        self._began.append((number, time.monotonic()))
        return number

    def end(self, number: int, noted: bool) -> None:
        """Its response is judged. What was `noted` of it must be on record before the request is forgotten."""
        if number not in self._journal:
            return
        if noted:
            self._ended[number] = self._recorder.mark()
        else:
            self._journal.end(number)

    def again(self, number: int) -> None:
        """Its response was not judged."""
        if number not in self._journal or number in self._ended:
            return
        request = self._journal[number]
        if (known := self._loose.get(request)) and known.number != number:
            self._journal.end(number)
        elif known is None and len(self._loose) >= HELD:
            metrics.sightings_dropped.inc()
            self._journal.end(number)
        elif known is None:
            self._loose[request] = _Loose(number, request)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._release()
            now = time.monotonic()
            self._remind(now)
            due = [each for each in self._loose.values() if each.due <= now][:AT_ONCE]
            await asyncio.gather(*map(self._look_again, due))

    def _release(self) -> None:
        """Forget what is on record by now."""
        while self._ended:
            number, mark = next(iter(self._ended.items()))
            if not self._recorder.reached(mark):
                return
            del self._ended[number]
            self._journal.end(number)

    def _remind(self, now: float) -> None:
        """Pick up what was never let go of."""
        while self._began and (self._began[0][0] not in self._journal or self._began[0][1] < now - LATE_SECONDS):
            self.again(self._began.popleft()[0])

    async def _look_again(self, loose: _Loose) -> None:
        try:
            done = await self._look(loose)
        except Exception:
            # A defect must cost one request, not all that come after it: it is counted.
            metrics.gate_errors.labels("loose_ends").inc()
            logger.exception("a request could not be looked at again")
            done = True
        if done:
            del self._loose[loose.request]
            self.end(loose.number, noted=True)
        else:
            first, longest = PAUSE_SECONDS
            loose.due = time.monotonic() + min(longest, first * 2**loose.tries)
            loose.tries = min(loose.tries + 1, MOST_DOUBLED)

    async def _look(self, loose: _Loose) -> bool:
        """Whether it is done with."""
        request = _unpacked(loose.request)
        try:
            whole = await self._refetcher.fetch(request)
        except RefetchFailed as error:
            # One that answers, but not with a whole image within the limits, never will.
            return not isinstance(error.__cause__, OSError)
        if whole.status >= 500:
            loose.errors += 1
            return loose.errors >= ERRORS
        return whole.body is None or await self._note(request, whole, whole.body)

    async def _note(self, request: http.Request, whole: Whole, body: bytes) -> bool:
        fingerprint, verdict = await self._judge.judge(body, whole.codings, whole.declared)
        if fingerprint is None:
            return False
        if verdict.reason is Reason.NOT_IMAGE:
            return True
        base = Target(request.scheme, request.host_header or "", request.data.path.decode("latin-1"), (), len(body))
        target = with_vary(base, vary_names(whole.headers.get("vary")), request.headers)
        self._recorder.note(Sighting(target, fingerprint, time.time(), verdict.version))
        if verdict.blocks and verdict.match is not None:
            self._recorder.order(target, fingerprint.sha256, verdict)
        return True


def _packed(request: http.Request) -> bytes:
    fields = request.headers.fields
    if "host" not in request.headers:  # HTTP/2 has it elsewhere
        fields = ((b"host", request.data.authority), *fields)
    lines = (b"%b: %b" % field for field in fields if field[0].lower() not in _NOT_KEPT)
    return b"\r\n".join((request.data.scheme, request.data.path, *lines))


def _unpacked(data: bytes) -> http.Request:
    scheme, path, *lines = data.split(b"\r\n")
    request = http.Request.make("GET", "http://upstream/")
    request.data.scheme, request.data.path = scheme, path
    request.headers = http.Headers([(name, value) for name, _, value in (line.partition(b": ") for line in lines)])
    return request

"""Fetches full responses from the upstream, to judge those that hold a part of the image, or none (206, 304, HEAD).

The request is the client's own, byte for byte, without its range and conditions. mitmproxy writes it and h11 reads the
response: HTTP client libraries normalize the URL, and could ask for another object than the client did.
"""

import asyncio
import itertools
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11
from mitmproxy import http
from mitmproxy.net.http import http1

from edgeward import metrics
from edgeward.hashing import content_codings
from edgeward.proxy.body_memory import UNKNOWN_BYTES, BodyMemory, Reservation
from edgeward.proxy.body_sniffing import BodySniffer
from edgeward.types import Reason

TIMEOUT_SECONDS = 30.0
SLOW_BODY_SECONDS = 600.0
"""Longest fetch of a response that no client waits for."""
_READ_BYTES = 64 * 1024
_EVENTS_PER_TURN = 100
"""After so many parts of a response others run."""
_REMOVED_HEADERS = (
    "range", "if-range", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since",
    "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection",
    "content-length", "expect",
)  # fmt: skip
"""Conditions, ranges, and what belongs to one connection (RFC 9110, 7.6.1)."""
_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length")
)


def _ignore(status: int) -> None:
    """Nobody wants to know."""


ON_ANSWER: ContextVar[Callable[[int], None]] = ContextVar("on_answer", default=_ignore)
"""Called with the status of a response as soon as its headers are here. Set by the one who starts the fetch."""


class RefetchFailed(Exception):
    """The upstream gave no complete response, or an image that can't be taken in."""

    reason = Reason.ERROR
    """Whose policy decides on the response."""


class RefetchTooLarge(RefetchFailed):
    """The image is too large to be judged."""

    reason = Reason.TOO_LARGE


class RefetchOverloaded(RefetchFailed):
    """There is no memory for the image now."""

    reason = Reason.OVERLOADED


class _NoMemory(OSError):
    """No room within the budget for bodies."""


class _TooLarge(ValueError):
    """More than hashing.max_bytes."""


_FAILURES: dict[type[Exception], type[RefetchFailed]] = {_TooLarge: RefetchTooLarge, _NoMemory: RefetchOverloaded}


@dataclass(slots=True)
class FullResponse:
    """`body` is None if it can't be an image: then it was not read to its end."""

    status: int
    headers: http.Headers
    body: bytes | None = field(default=None)
    memory: Reservation | None = field(default=None)
    """For the body; released with the last reference to it."""

    @property
    def declared(self) -> str:
        """Its Content-Type."""
        content_type: str = self.headers.get("content-type", "")
        return content_type

    @property
    def codings(self) -> tuple[str, ...]:
        return content_codings.parse(self.headers.get("content-encoding"))

    @property
    def end_to_end_headers(self) -> http.Headers:
        """The headers that belong to the response, not to the connection it came by."""
        return http.Headers([field for field in self.headers.fields if field[0].lower() not in _HOP_BY_HOP])


class Refetcher:
    """Fetches from one upstream (http:// or https://, no path), images up to `max_bytes`.

    `data_uris` (hashing.data_uris): HTML and CSS too. `memory`: for the bodies; None: for one at a time.
    `seconds`: the longest fetch.
    """

    def __init__(
        self,
        upstream: str,
        max_bytes: int,
        data_uris: bool = False,
        memory: BodyMemory | None = None,
        seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._memory, self._seconds = memory or BodyMemory(max_bytes), seconds
        parts = urlsplit(upstream)
        self._host, self._max_bytes, self._data_uris = parts.hostname or "", max_bytes, data_uris
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None

    async def fetch(self, request: http.Request, answer_seconds: float = TIMEOUT_SECONDS) -> FullResponse:
        """GET the full object that the client asked for.

        Args:
            answer_seconds: how long to wait for the headers of the response.

        Raises:
            RefetchTooLarge: an image over the limit.
            RefetchOverloaded: no memory for it.
            RefetchFailed: no headers in that time, or no complete response in the time of the longest fetch.
        """
        try:
            async with asyncio.timeout(self._seconds) as timeout:
                with _answer_limit(timeout, answer_seconds) as answered:
                    full = await self._exchange(_full_request(request), answered)
        except (RefetchFailed, OSError, TimeoutError, h11.RemoteProtocolError, ValueError) as error:
            metrics.refetches.labels("failed").inc()
            raise _FAILURES.get(type(error), RefetchFailed)(f"{type(error).__name__}: {error}") from error
        metrics.refetches.labels("not_image" if full.body is None else "image").inc()
        return full

    async def _exchange(self, request: bytes, answered: Callable[[], None]) -> FullResponse:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        try:
            writer.write(request)
            await writer.drain()
            async with aclosing(_events(reader)) as events:
                return await self._read(events, answered)
        finally:
            writer.close()

    async def _read(self, events: AsyncIterator[h11.Event], answered: Callable[[], None]) -> FullResponse:
        """The body is kept in one place: `body` once it is known to be judged, before that in the sniffer."""
        full: FullResponse | None = None
        sniffer, body, image = BodySniffer((), "", False), bytearray(), None
        async for event in events:
            if isinstance(event, h11.Response):
                answered()
                ON_ANSWER.get()(event.status_code)
                full = FullResponse(event.status_code, http.Headers(event.headers.raw_items()))
                sniffer = BodySniffer(full.codings, full.declared, self._data_uris)
            elif isinstance(event, h11.Data) and full is not None:
                if image is None:
                    image = sniffer.may_be_image(event.data)
                    body += sniffer.take() if image else b""
                else:
                    body += event.data
                if image is False:  # the rest need not be transferred
                    return full
                if len(body) > self._max_bytes:
                    raise _TooLarge("larger than hashing.max_bytes")
                if body:
                    await self._reserve(full, len(body))
        if full is None:
            raise ValueError("no response")
        if image or sniffer.may_be_image(ended=True):
            full.body = bytes(body) or sniffer.take()
        if full.memory is not None:
            full.memory.arrived(len(body))
        return full

    async def _reserve(self, full: FullResponse, received: int) -> None:
        """Before more is read. _NoMemory: there is no room."""
        if full.memory is None:
            length = full.headers.get("content-length", "")
            size = min(int(length), self._max_bytes) if length.isdigit() else UNKNOWN_BYTES
            full.memory = await self._memory.reserve(size)
        if full.memory is not None:
            full.memory.grow(received)
            await full.memory.wait_for_room()
        if full.memory is None or full.memory.refused:
            raise _NoMemory("no memory for the image")


@contextmanager
def _answer_limit(timeout: asyncio.Timeout, seconds: float) -> Iterator[Callable[[], None]]:
    """End `timeout` after so many seconds, unless what this returns was called before: headers of a response are here.

    An answer that has arrived counts, also if this worker stood still meanwhile and has not read it yet: whoever asks
    would take its absence for silence, and the cache has stored it.
    """
    loop, is_over = asyncio.get_running_loop(), False

    def answered() -> None:
        nonlocal is_over
        is_over = True

    def end() -> None:
        if not is_over:
            timeout.reschedule(loop.time())

    # What has arrived by then is read in this turn of the event loop, and `answered` is called in the next one.
    timer = loop.call_later(seconds, loop.call_soon, end)
    try:
        yield answered
    finally:
        is_over = True
        timer.cancel()


def _full_request(request: http.Request) -> bytes:
    """The request as GET, without range, conditions and body, on a connection of its own."""
    wanted = request.copy()
    wanted.method, wanted.http_version, wanted.content = "GET", "HTTP/1.1", None
    for name in _REMOVED_HEADERS:
        wanted.headers.pop(name, None)
    wanted.headers["Connection"] = "close"
    head: bytes = http1.assemble_request_head(wanted)
    return head


async def _events(reader: asyncio.StreamReader) -> AsyncGenerator[h11.Event]:
    """The events of the response, up to its end.

    Raises:
        h11.RemoteProtocolError: it is not HTTP/1.1, or it is incomplete.
    """
    parser = h11.Connection(h11.CLIENT)
    # h11 reads a response only after it has sent a request: this one goes nowhere.
    parser.send(h11.Request(method="GET", target="/", headers=[("Host", "upstream")]))
    parser.send(h11.EndOfMessage())
    for count in itertools.count(1):
        if count % _EVENTS_PER_TURN == 0:
            await asyncio.sleep(0)  # a body may come in very many small chunks
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
            return
        elif not isinstance(event, type):
            yield event

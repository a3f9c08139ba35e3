"""A whole fetch from the upstream, to judge a response that holds a part of the image, or none (206, 304, HEAD).

The request is the client's own, byte for byte, less its range and conditions: mitmproxy writes it and h11 reads the
answer, since HTTP client libraries rebuild the URL and would ask for another object than the client did.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11
from mitmproxy import http
from mitmproxy.net.http import http1

from edgeward import metrics
from edgeward.hashing import codings as content_codings
from edgeward.proxy.candidate import candidate

TIMEOUT_SECONDS = 30.0
_READ_BYTES = 64 * 1024
_DROPPED = (
    "range", "if-range", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since",
    "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection",
    "content-length", "expect",
)  # fmt: skip
"""Conditions, ranges, and what belongs to one connection (RFC 9110, 7.6.1)."""


class RefetchFailed(Exception):
    """The upstream gave no whole response, or one larger than can be judged."""


@dataclass(slots=True)
class Whole:
    """A whole response. `body` is None when it is no image: then it was not read to its end."""

    status: int
    headers: http.Headers
    body: bytes | None = field(default=None)

    @property
    def declared(self) -> str:
        content_type: str = self.headers.get("content-type", "")
        return content_type

    @property
    def codings(self) -> tuple[str, ...]:
        return content_codings.parse(self.headers.get("content-encoding"))


class Refetcher:
    """Fetches whole responses from one upstream (http:// or https://, no path), images up to `max_bytes`.

    `data_uris` (hashing.data_uris): HTML and CSS too.
    """

    def __init__(self, upstream: str, max_bytes: int, data_uris: bool = False) -> None:
        parts = urlsplit(upstream)
        self._host, self._max_bytes, self._data_uris = parts.hostname or "", max_bytes, data_uris
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None

    async def fetch(self, request: http.Request) -> Whole:
        """GET what the client asked for as a whole.

        Raises:
            RefetchFailed: no whole response within TIMEOUT_SECONDS, or an image over the limit.
        """
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                whole = await self._exchange(_whole_request(request))
        except (OSError, TimeoutError, h11.RemoteProtocolError, ValueError) as error:
            metrics.refetches.labels("failed").inc()
            raise RefetchFailed(f"{type(error).__name__}: {error}") from error
        metrics.refetches.labels("not_image" if whole.body is None else "image").inc()
        return whole

    async def _exchange(self, request: bytes) -> Whole:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        try:
            writer.write(request)
            await writer.drain()
            async with aclosing(_events(reader)) as events:
                return await self._read(events)
        finally:
            writer.close()

    async def _read(self, events: AsyncIterator[h11.Event]) -> Whole:
        whole: Whole | None = None
        body, image = bytearray(), None
        async for event in events:
            if isinstance(event, h11.Response):
                whole = Whole(event.status_code, http.Headers(event.headers.raw_items()))
            elif isinstance(event, h11.Data) and whole is not None:
                body += event.data
                image = self._looks_like_image(whole, body) if image is None else image
                if image is False:
                    return whole
                if len(body) > self._max_bytes:
                    raise ValueError("larger than hashing.max_bytes")
        if whole is None:
            raise ValueError("no response")
        if image or self._looks_like_image(whole, body, ended=True):
            whole.body = bytes(body)
        return whole

    def _looks_like_image(self, whole: Whole, body: bytearray, ended: bool = False) -> bool | None:
        return candidate(bytes(body), whole.codings, whole.declared, ended, self._data_uris)


def _whole_request(request: http.Request) -> bytes:
    """The request as GET, without range, conditions and body, on a connection of its own."""
    wanted = request.copy()
    wanted.method, wanted.http_version, wanted.content = "GET", "HTTP/1.1", None
    for name in _DROPPED:
        wanted.headers.pop(name, None)
    wanted.headers["Connection"] = "close"
    head: bytes = http1.assemble_request_head(wanted)
    return head


async def _events(reader: asyncio.StreamReader) -> AsyncGenerator[h11.Event]:
    """What h11 makes of the answer, up to its end.

    Raises:
        h11.RemoteProtocolError: it is not HTTP/1.1, or breaks off.
    """
    parser = h11.Connection(h11.CLIENT)
    # h11 wants to have sent the request itself; what it would send is thrown away.
    parser.send(h11.Request(method="GET", target="/", headers=[("Host", "upstream")]))
    parser.send(h11.EndOfMessage())
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
            return
        elif not isinstance(event, type):
            yield event

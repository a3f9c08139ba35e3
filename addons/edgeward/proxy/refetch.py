"""Fetches full responses from the upstream, to judge those that hold a part of the image, or none (206, 304, HEAD).

The request is the client's own, byte for byte, without its range and conditions. mitmproxy writes it and h11 reads the
response: HTTP client libraries normalize the URL, and could ask for another object than the client did.
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
from edgeward.hashing import content_codings
from edgeward.proxy.body_sniffing import may_be_image

TIMEOUT_SECONDS = 30.0
_READ_BYTES = 64 * 1024
_REMOVED_HEADERS = (
    "range", "if-range", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since",
    "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection",
    "content-length", "expect",
)  # fmt: skip
"""Conditions, ranges, and what belongs to one connection (RFC 9110, 7.6.1)."""
_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length")
)


class RefetchFailed(Exception):
    """The upstream gave no complete response, or an image too large to be judged."""


@dataclass(slots=True)
class FullResponse:
    """`body` is None if it can't be an image: then it was not read to its end."""

    status: int
    headers: http.Headers
    body: bytes | None = field(default=None)

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

    `data_uris` (hashing.data_uris): HTML and CSS too.
    """

    def __init__(self, upstream: str, max_bytes: int, data_uris: bool = False) -> None:
        parts = urlsplit(upstream)
        self._host, self._max_bytes, self._data_uris = parts.hostname or "", max_bytes, data_uris
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None

    async def fetch(self, request: http.Request) -> FullResponse:
        """GET the full object that the client asked for.

        Raises:
            RefetchFailed: no complete response within TIMEOUT_SECONDS, or an image over the limit.
        """
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                full = await self._exchange(_full_request(request))
        except (OSError, TimeoutError, h11.RemoteProtocolError, ValueError) as error:
            metrics.refetches.labels("failed").inc()
            raise RefetchFailed(f"{type(error).__name__}: {error}") from error
        metrics.refetches.labels("not_image" if full.body is None else "image").inc()
        return full

    async def _exchange(self, request: bytes) -> FullResponse:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        try:
            writer.write(request)
            await writer.drain()
            async with aclosing(_events(reader)) as events:
                return await self._read(events)
        finally:
            writer.close()

    async def _read(self, events: AsyncIterator[h11.Event]) -> FullResponse:
        full: FullResponse | None = None
        body, image = bytearray(), None
        async for event in events:
            if isinstance(event, h11.Response):
                full = FullResponse(event.status_code, http.Headers(event.headers.raw_items()))
            elif isinstance(event, h11.Data) and full is not None:
                body += event.data
                image = self._may_be_image(full, body) if image is None else image
                if image is False:  # the rest need not be transferred
                    return full
                if len(body) > self._max_bytes:
                    raise ValueError("larger than hashing.max_bytes")
        if full is None:
            raise ValueError("no response")
        if image or self._may_be_image(full, body, ended=True):
            full.body = bytes(body)
        return full

    def _may_be_image(self, full: FullResponse, body: bytearray, ended: bool = False) -> bool | None:
        return may_be_image(bytes(body), full.codings, full.declared, ended, self._data_uris)


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
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
            return
        elif not isinstance(event, type):
            yield event

"""Limits on HTTP/1 connections: what they keep of bytes that are no message yet, and the work that small chunks make.

mitmproxy has neither: a head, a chunk's header or trailers that never end, and requests ahead of their turn, would fill
the memory; and each chunk of one byte would pass through all its layers.

Built on private parts of mitmproxy (`Http1Server`, `Http1Client`); tests/proxy/test_http1_limits.py tests what we use.
"""

from abc import abstractmethod
from typing import Any

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestHeaders,
    RequestProtocolError,
    ResponseHeaders,
    ResponseProtocolError,
)

from edgeward import metrics
from edgeward.proxy import pages

MAX_UNPARSED_BYTES = 64 * 1024
"""Of one connection: an incomplete head, an incomplete chunk header, trailers, or requests ahead of their turn."""
MAX_FIELDS = 500
"""Header fields of one message. mitmproxy searches them one by one, many times for each message."""

type Commands = layer.CommandGenerator[None]


class _LimitedConnection(_http1.Http1Connection):
    """Ends a connection whose peer exceeds the limits."""

    def _handle_event(self, event: events.Event) -> Commands:
        yield from super()._handle_event(event)
        if len(self.buf) > MAX_UNPARSED_BYTES:
            yield from self._end()

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        for command in super().read_headers(event):
            head = command.event if isinstance(command, ReceiveHttp) else None
            message: Any = None
            if isinstance(head, RequestHeaders):
                message = head.request
            elif isinstance(head, ResponseHeaders):
                message = head.response
            if message is not None and len(message.headers.fields) > MAX_FIELDS:
                yield from self._end()
                return
            yield command

    @abstractmethod
    def _end(self) -> Commands:
        """Close the connection, and say why where somebody may read it."""


class LimitedServer(_LimitedConnection, _http1.Http1Server):
    """A client's connection."""

    def _end(self) -> Commands:
        self.buf = ReceiveBuffer()
        if self.state == self.done:
            return
        between_requests = self.state == self.read_headers
        metrics.connections_ended.labels("client_head" if between_requests else "client_ahead").inc()
        if between_requests:
            yield commands.SendData(self.conn, pages.error_bytes(431))
        yield commands.CloseConnection(self.conn)
        self.state = self.done
        if not between_requests:
            message = "Client disconnected: it sent too much ahead of its turn."
            yield ReceiveHttp(RequestProtocolError(self.stream_id, message, ErrorCode.CLIENT_DISCONNECTED))


class LimitedClient(_LimitedConnection, _http1.Http1Client):
    """A connection to the upstream."""

    def _end(self) -> Commands:
        self.buf = ReceiveBuffer()
        if self.state == self.done:
            return
        metrics.connections_ended.labels("upstream_head").inc()
        yield commands.CloseConnection(self.conn)
        self.state = self.done
        if self.stream_id is not None:
            message = "the upstream's head, chunk header or trailers are too large"
            yield ReceiveHttp(ResponseProtocolError(self.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR))


class JoiningReader(ChunkedReader):
    """Reads a chunked body: all that has arrived makes one piece of data. Trailers are dropped (RFC 9110, 6.5.1)."""

    def __init__(self) -> None:
        super().__init__()
        self._after: h11.EndOfMessage | h11.ProtocolError | None = None

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        """The data, then what comes after it: the end of the message, None, or an error."""
        joined = bytearray()
        after, self._after = self._after, None
        try:
            while after is None and (event := super().__call__(buf)) is not None:
                if isinstance(event, h11.Data):
                    joined += event.data
                else:
                    after = h11.EndOfMessage()
        except h11.ProtocolError as error:
            after = error
        if joined:
            self._after = after
            return h11.Data(data=bytes(joined))
        if isinstance(after, h11.ProtocolError):
            raise after
        return after


def make_body_reader(expected_size: int | None) -> _http1.TBodyReader:
    """In place of mitmproxy's."""
    return JoiningReader() if expected_size is None else _make_body_reader(expected_size)


_make_body_reader = _http1.make_body_reader

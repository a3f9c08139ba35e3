"""A small HTTP/1.1 client that sends a request target byte for byte, one at a time or pipelined.

Caches store under the literal bytes of a target: `/p?`, `//p`, `/%7E` and a raw 0xE9 are separate objects. HTTP client
libraries parse and rebuild URLs (yarl drops an empty query and encodes as UTF-8): a purge sent by them would miss.
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from urllib.parse import urlsplit

from edgeward.caches.connection_errors import describe_error
from edgeward.caches.response_parser import HttpResponse, InvalidResponse, ResponseParser
from edgeward.errors import CacheUnavailable

MAX_UNPIPELINED = 16
"""Up to this many requests go out on one connection each: one that the cache delays then delays no other."""
PIPELINE_DEPTH = 32
"""Beyond that they are pipelined: this many requests in a row on one connection (RFC 9112, section 9.3.2) ..."""
MAX_PIPELINES = 8
"""... and this many such connections."""
MAX_SINGLE_CONNECTIONS = 32
"""Connections for requests that are sent one by one."""
STALL_SECONDS = 0.1
"""A pipeline that returns nothing for this long is given up; its open requests are sent on other connections."""
MAX_IDLE_CONNECTIONS = 32
_NOT_A_TARGET = re.compile(r"[^\x21-\x7e\x80-\xff]")
_NOT_A_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of RFC 9110, section 5.6.2."""


class TargetError(ValueError):
    """Target, host or a header holds bytes that no request can carry (RFC 9112, section 3; RFC 9110, section 5.5)."""


class ConnectionClosed(CacheUnavailable):
    """The cache closed a new connection without an answer: it ends, or the request is longer than it accepts."""


type ResponseOrError = HttpResponse | CacheUnavailable | TargetError


@dataclass(frozen=True, slots=True)
class RawHttpRequest:
    """One request.

    Args:
        path: the request target, latin-1 for bytes.
        keep: bytes of the response's body to keep. A longer body is an error; with 0 any body is dropped.
    """

    method: str
    host: str
    path: str
    headers: Sequence[tuple[str, str]] = ()
    keep: int = 0

    def encode(self) -> bytes:
        """Its bytes. Raises TargetError."""
        if not self.path or _NOT_A_TARGET.search(self.path) or not self.host or _NOT_A_TARGET.search(self.host):
            raise TargetError("the target contains bytes that no HTTP request can carry")
        for name, value in self.headers:
            if not HEADER_NAME.fullmatch(name) or _NOT_A_VALUE.search(value):
                raise TargetError("a header contains bytes that no HTTP request can carry")
        lines = "".join([f"{name}: {value}\r\n" for name, value in self.headers])
        return f"{self.method} {self.path} HTTP/1.1\r\nHost: {self.host}\r\n{lines}\r\n".encode("latin-1")


class RawHttpConnection(asyncio.Protocol):
    """One connection to a cache. `fresh` until it has carried an exchange; `error` is why one was not completed."""

    def __init__(self) -> None:
        self.fresh = True
        self.error: Exception | None = None
        self._parser = ResponseParser()
        self._transport: asyncio.Transport | None = None
        self._responses: list[HttpResponse] = []
        self._wanted = 0
        self._finished: asyncio.Future[None] | None = None

    @property
    def usable(self) -> bool:
        return self.error is None and self._parser.reusable

    async def exchange(
        self, requests: Sequence[tuple[RawHttpRequest, bytes]], deadline: float, stall_seconds: float | None = None
    ) -> list[HttpResponse]:
        """Send requests; return the responses in their order, fewer when the connection breaks or stalls.

        Args:
            requests: each with its bytes.
            deadline: on the event loop's clock.
            stall_seconds: the longest pause between two responses.
        """
        loop = asyncio.get_running_loop()
        self._responses, self._wanted, self._finished = [], len(requests), loop.create_future()
        for request, _ in requests:
            self._parser.expect(request.method, request.keep)
        if self._transport and not self.error:
            self._transport.write(b"".join([data for _, data in requests]))
            try:
                await self._wait(self._finished, deadline, stall_seconds)
            finally:
                # Also when cancelled: a late response would be taken for that of the next request.
                if len(self._responses) < self._wanted:
                    self._fail(TimeoutError())
        self.fresh = False
        return self._responses

    async def _wait(self, finished: asyncio.Future[None], deadline: float, stall_seconds: float | None) -> None:
        """Until all responses are there, the deadline has passed, or nothing came for `stall_seconds`."""
        loop, seen = asyncio.get_running_loop(), -1
        while not finished.done() and len(self._responses) > seen and (left := deadline - loop.time()) > 0:
            seen = len(self._responses)
            await asyncio.wait([finished], timeout=left if stall_seconds is None else min(left, stall_seconds))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("not a stream")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._responses += self._parser.feed(data)
        except InvalidResponse as error:
            self._fail(error)
        else:
            self._finish_if_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.error:
            return
        try:
            self._responses += self._parser.end()
        except EOFError as error:
            self._fail(exc or error)
        else:
            self._finish_if_complete()
            # Marks an idle connection as unusable, too.
            self._fail(exc or EOFError("closed"))

    def _finish_if_complete(self) -> None:
        if len(self._responses) >= self._wanted and self._finished and not self._finished.done():
            self._finished.set_result(None)

    def _fail(self, error: Exception) -> None:
        self.error = self.error or error
        if self._finished and not self._finished.done():
            self._finished.set_result(None)
        self.close()

    def close(self) -> None:
        """Close at once, without waiting for what is still to come."""
        if self._transport:
            self._transport.abort()


class RawHttpClient:
    """Keep-alive connections to one cache node.

    Args:
        url: of the node; its path is not used.
        timeout: seconds for one exchange, connecting included.
        server_name: the name to send and to check in the certificate, where it is not the host of `url`.

    Attributes:
        unanswered: how often a request was sent and got no answer, so far: what it did is not known.
    """

    def __init__(self, url: str, timeout: float, server_name: str | None = None) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._server_name = (server_name or self._host) if self._tls else None
        self._timeout = timeout
        self._idle: deque[RawHttpConnection] = deque()
        self.unanswered = 0

    async def ask(
        self, method: str, host: str, path: str, headers: Iterable[tuple[str, str]] = (), keep: int = 0
    ) -> HttpResponse:
        """Send one request for `path` (latin-1 for bytes) at `host`, and return the response.

        Raises:
            TargetError: host, path or a header can't be sent as they are.
            CacheUnavailable: no connection, no response in time, or an invalid one.
        """
        request = RawHttpRequest(method, host, path, tuple(headers), keep)
        response = await self._send_one(request, request.encode(), self._deadline())
        if isinstance(response, CacheUnavailable):
            raise response
        return response

    async def ask_many(self, requests: Sequence[RawHttpRequest]) -> list[ResponseOrError]:
        """Send idempotent requests; return for each its response, or why there is none.

        Up to MAX_UNPIPELINED go out on one connection each. More are pipelined; those that get no response there are
        sent once more, alone.
        """
        responses: dict[int, ResponseOrError] = {}
        encoded: dict[int, tuple[RawHttpRequest, bytes]] = {}
        for number, request in enumerate(requests):
            try:
                encoded[number] = request, request.encode()
            except TargetError as error:
                responses[number] = error
        if len(encoded) > MAX_UNPIPELINED:
            # One iterator for all pipelines: a fast one takes more groups than a slow one.
            groups = batched(encoded, PIPELINE_DEPTH)
            async with asyncio.TaskGroup() as pipelines:
                for _ in range(min(MAX_PIPELINES, -(-len(encoded) // PIPELINE_DEPTH))):
                    pipelines.create_task(self._send_pipelined(groups, encoded, responses))
        await self._send_singly(encoded, responses)
        return [responses[number] for number in range(len(requests))]

    async def _send_pipelined(
        self,
        groups: Iterator[tuple[int, ...]],
        encoded: dict[int, tuple[RawHttpRequest, bytes]],
        responses: dict[int, ResponseOrError],
    ) -> None:
        """Send one group after another, until none is left or one gets no response at all.

        What stays without a response is sent again by `_send_singly`, so errors need not be reported here.
        """
        for group in groups:
            deadline = self._deadline()
            try:
                connection = await self._connect(deadline)
            except OSError:
                return
            received = await connection.exchange([encoded[number] for number in group], deadline, STALL_SECONDS)
            self._release(connection)
            self.unanswered += len(group) - len(received)
            responses.update(zip(group, received, strict=False))
            if not received:
                return

    async def _send_singly(
        self, encoded: dict[int, tuple[RawHttpRequest, bytes]], responses: dict[int, ResponseOrError]
    ) -> None:
        """Send those that have no response yet, one a connection, all within one timeout."""
        left = [number for number in encoded if number not in responses]
        numbers, deadline = iter(left), self._deadline()

        async def work() -> None:
            for number in numbers:
                responses[number] = await self._send_one(*encoded[number], deadline)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(MAX_SINGLE_CONNECTIONS, len(left))):
                workers.create_task(work())

    async def _send_one(self, request: RawHttpRequest, data: bytes, deadline: float) -> HttpResponse | CacheUnavailable:
        while True:
            had_time = asyncio.get_running_loop().time() < deadline
            try:
                connection = await self._connect(deadline)
            except OSError as error:
                unavailable = self._unavailable(error)
                # The node accepts no connection, so it never had the request, and no fetch delays its answer.
                return CacheUnavailable(str(unavailable)) if had_time else unavailable
            fresh = connection.fresh
            received = await connection.exchange([(request, data)], deadline)
            self._release(connection)
            if received:
                return received[0]
            self.unanswered += 1
            # The cache may close an idle connection at any time: then the next connection is tried.
            closed = isinstance(connection.error, ConnectionError | EOFError)
            if fresh and closed and connection.error:
                return ConnectionClosed(describe_error(connection.error))
            if not closed:
                return self._unavailable(connection.error)

    def _unavailable(self, error: Exception | None) -> CacheUnavailable:
        if error is None or isinstance(error, TimeoutError):
            return CacheUnavailable(f"no answer within {self._timeout:g} s", timed_out=True)
        return CacheUnavailable(describe_error(error))

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout

    async def _connect(self, deadline: float) -> RawHttpConnection:
        """An idle connection, or a new one. Raises OSError, also as TimeoutError."""
        while self._idle:
            if (idle := self._idle.pop()).usable:
                return idle
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(deadline):
            _, connection = await loop.create_connection(
                RawHttpConnection, self._host, self._port, ssl=self._tls, server_hostname=self._server_name
            )
        return connection

    def _release(self, connection: RawHttpConnection) -> None:
        if not connection.usable:
            connection.close()
            return
        self._idle.append(connection)
        if len(self._idle) > MAX_IDLE_CONNECTIONS:
            self._idle.popleft().close()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

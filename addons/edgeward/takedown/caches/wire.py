"""A small HTTP/1.1 client that sends a request target byte for byte, one at a time or many in a row.

Caches store under the literal bytes of a target: `/p?`, `//p`, `/%7E` and a raw 0xE9 are objects of their own. HTTP
client libraries parse and rebuild URLs (yarl drops an empty query and encodes as UTF-8): their purge would miss.
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from urllib.parse import urlsplit

from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.answers import Answer, AnswerReader, NotHttp

FEW = 16
"""So many requests go out on a connection each: one that the cache holds up holds up no other."""
CHUNK = 32
"""More are pipelined, so many in a row (RFC 9112, section 9.3.2) ..."""
PIPES = 8
"""... on so many connections."""
ALONE = 32
"""Connections for requests that go out one by one."""
PATIENCE_SECONDS = 0.1
"""When a pipeline stands still for so long, what it still owes is asked on other connections."""
MAX_IDLE = 32
_NOT_A_TARGET = re.compile(r"[^\x21-\x7e\x80-\xff]")
_NOT_A_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What a header may be called (RFC 9110, section 5.6.2)."""


class TargetError(ValueError):
    """The target holds bytes that no request can carry (RFC 9112, section 3)."""


type Reply = Answer | CacheUnavailable | TargetError


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is the request target, latin-1 for bytes. Of the answer's body `keep` bytes are kept, and a longer one
    counts as no answer; with 0 the body is dropped, whatever its length."""

    method: str
    host: str
    path: str
    headers: Sequence[tuple[str, str]] = ()
    keep: int = 0

    def encode(self) -> bytes:
        """As it goes out. Raises TargetError."""
        if not self.path or _NOT_A_TARGET.search(self.path) or not self.host or _NOT_A_TARGET.search(self.host):
            raise TargetError("the target holds bytes that no request can carry")
        for name, value in self.headers:
            if not TOKEN.fullmatch(name) or _NOT_A_VALUE.search(value):
                raise TargetError("a header of the request holds bytes that no request can carry")
        lines = "".join([f"{name}: {value}\r\n" for name, value in self.headers])
        return f"{self.method} {self.path} HTTP/1.1\r\nHost: {self.host}\r\n{lines}\r\n".encode("latin-1")


class Connection(asyncio.Protocol):
    """One connection to a cache. `fresh` until it has carried an exchange; `error` says why one fell short."""

    def __init__(self) -> None:
        self.fresh = True
        self.error: Exception | None = None
        self._reader = AnswerReader()
        self._transport: asyncio.Transport | None = None
        self._answers: list[Answer] = []
        self._wanted = 0
        self._finished: asyncio.Future[None] | None = None

    @property
    def usable(self) -> bool:
        return self.error is None and self._reader.reusable

    async def exchange(
        self, asked: Sequence[tuple[Request, bytes]], deadline: float, patience: float | None = None
    ) -> list[Answer]:
        """Send requests; return the answers in their order, fewer when the connection breaks or stands still.

        Args:
            deadline: on the event loop's clock.
            patience: how long nothing may come, in seconds.
        """
        loop = asyncio.get_running_loop()
        self._answers, self._wanted, self._finished = [], len(asked), loop.create_future()
        for request, _ in asked:
            self._reader.expect(request.method, request.keep)
        if self._transport and not self.error:
            self._transport.write(b"".join([data for _, data in asked]))
            try:
                await self._wait(self._finished, deadline, patience)
            finally:
                if len(self._answers) < self._wanted:
                    self._fail(TimeoutError())
        self.fresh = False
        return self._answers

    async def _wait(self, finished: asyncio.Future[None], deadline: float, patience: float | None) -> None:
        """Until all answers are there, or time is up."""
        loop, seen = asyncio.get_running_loop(), -1
        while not finished.done() and len(self._answers) > seen and (left := deadline - loop.time()) > 0:
            seen = len(self._answers)
            await asyncio.wait([finished], timeout=left if patience is None else min(left, patience))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("not a stream")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._answers += self._reader.feed(data)
        except NotHttp as error:
            self._fail(error)
        else:
            self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.error:
            return
        try:
            self._answers += self._reader.end()
        except EOFError as error:
            self._fail(exc or error)
        else:
            self._settle()
            self._fail(exc or EOFError("closed"))

    def _settle(self) -> None:
        if len(self._answers) >= self._wanted and self._finished and not self._finished.done():
            self._finished.set_result(None)

    def _fail(self, error: Exception) -> None:
        self.error = self.error or error
        if self._finished and not self._finished.done():
            self._finished.set_result(None)
        self.close()

    def close(self) -> None:
        """At once: nobody waits for what is still to come."""
        if self._transport:
            self._transport.abort()


class Wire:
    """Keep-alive connections to one cache node.

    Args:
        url: of the node; its path is not used.
        timeout: for one exchange, connecting included, in seconds.
        server_name: whose certificate is asked for and checked, where that is not the host of `url`.
    """

    def __init__(self, url: str, timeout: float, server_name: str | None = None) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._server_name = (server_name or self._host) if self._tls else None
        self._timeout = timeout
        self._idle: deque[Connection] = deque()

    async def ask(
        self, method: str, host: str, path: str, headers: Iterable[tuple[str, str]] = (), keep: int = 0
    ) -> Answer:
        """Send one request for `path` (latin-1 for bytes) at `host`, and return what the cache answered.

        Raises:
            TargetError: host, path or a header can't be sent as they are.
            CacheUnavailable: no connection, no answer in time, or none that is HTTP.
        """
        request = Request(method, host, path, tuple(headers), keep)
        reply = await self._alone(request, request.encode(), self._deadline())
        if isinstance(reply, CacheUnavailable):
            raise reply
        return reply

    async def ask_many(self, requests: Sequence[Request]) -> list[Reply]:
        """Send requests that may be sent twice without harm; return for each the answer, or why there is none.

        A few go out on a connection each. Many are pipelined; what is not answered there goes out once more alone.
        """
        replies: dict[int, Reply] = {}
        asked: dict[int, tuple[Request, bytes]] = {}
        for number, request in enumerate(requests):
            try:
                asked[number] = request, request.encode()
            except TargetError as error:
                replies[number] = error
        if len(asked) > FEW:
            await self._pipelined(asked, replies)
        await self._one_by_one(asked, replies)
        return [replies[number] for number in range(len(requests))]

    async def _pipelined(self, asked: dict[int, tuple[Request, bytes]], replies: dict[int, Reply]) -> None:
        chunks = batched(asked, CHUNK)
        async with asyncio.TaskGroup() as pipes:
            for _ in range(min(PIPES, -(-len(asked) // CHUNK))):
                pipes.create_task(self._pipe(chunks, asked, replies))

    async def _pipe(
        self, chunks: Iterator[tuple[int, ...]], asked: dict[int, tuple[Request, bytes]], replies: dict[int, Reply]
    ) -> None:
        """Send chunk by chunk, until none is left or one gets no answer at all."""
        for chunk in chunks:
            deadline = self._deadline()
            try:
                connection = await self._connection(deadline)
            except OSError:
                return
            answers = await connection.exchange([asked[number] for number in chunk], deadline, PATIENCE_SECONDS)
            self._put_back(connection)
            replies.update(zip(chunk, answers, strict=False))
            if not answers:
                return

    async def _one_by_one(self, asked: dict[int, tuple[Request, bytes]], replies: dict[int, Reply]) -> None:
        """Send what has no answer yet, all within one timeout."""
        left = [number for number in asked if number not in replies]
        numbers, deadline = iter(left), self._deadline()

        async def work() -> None:
            for number in numbers:
                replies[number] = await self._alone(*asked[number], deadline)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(ALONE, len(left))):
                workers.create_task(work())

    async def _alone(self, request: Request, data: bytes, deadline: float) -> Answer | CacheUnavailable:
        while True:
            try:
                connection = await self._connection(deadline)
            except OSError as error:
                return self._away(error)
            fresh = connection.fresh
            answers = await connection.exchange([(request, data)], deadline)
            self._put_back(connection)
            if answers:
                return answers[0]
            # The cache may close an idle connection at any time.
            if fresh or not isinstance(connection.error, ConnectionError | EOFError):
                return self._away(connection.error)

    def _away(self, error: Exception | None) -> CacheUnavailable:
        if error is None or isinstance(error, TimeoutError):
            return CacheUnavailable(f"no answer within {self._timeout:g} s")
        return CacheUnavailable(f"{type(error).__name__}: {error}")

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout

    async def _connection(self, deadline: float) -> Connection:
        """An idle connection, or a new one. Raises OSError, TimeoutError among them."""
        while self._idle:
            if (idle := self._idle.pop()).usable:
                return idle
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(deadline):
            _, connection = await loop.create_connection(
                Connection, self._host, self._port, ssl=self._tls, server_hostname=self._server_name
            )
        return connection

    def _put_back(self, connection: Connection) -> None:
        if not connection.usable:
            connection.close()
            return
        self._idle.append(connection)
        if len(self._idle) > MAX_IDLE:
            self._idle.popleft().close()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

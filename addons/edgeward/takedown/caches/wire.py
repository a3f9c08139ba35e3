"""A small HTTP/1.1 client that sends a request target byte for byte.

Caches store under the literal bytes of a target: `/p?`, `//p`, `/%7E` and a raw 0xE9 are objects of their own. HTTP
client libraries parse and rebuild URLs (yarl drops an empty query and encodes as UTF-8): their purge would miss.
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from edgeward.errors import CacheUnavailable

MAX_HEAD = 64 * 1024
_NOT_A_TARGET = re.compile(r"[^\x21-\x7e\x80-\xff]")
_NOT_A_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class TargetError(ValueError):
    """The target holds bytes that no request line can carry (RFC 9112, section 3)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and headers (names in lower case) of a response; its body is dropped."""

    status: int
    headers: Mapping[str, str]


class Connection:
    """One connection to a cache. `fresh` until it has carried an exchange."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.fresh = True
        self.reusable = False

    async def exchange(self, request: bytes) -> Answer:
        self.reusable = False
        self._writer.write(request)
        await self._writer.drain()
        answer = _parse((await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        self.reusable = await self._drop_body(answer)
        self.fresh = False
        return answer

    async def _drop_body(self, answer: Answer) -> bool:
        """Read past the body. False: its end is unknown or the cache closes: no second exchange here."""
        length = answer.headers.get("content-length", "")
        if not length.isdigit() or "close" in answer.headers.get("connection", "").lower():
            return False
        await self._reader.readexactly(int(length))
        return True

    def close(self) -> None:
        self._writer.close()


class Wire:
    """Keep-alive connections to one cache node.

    Args:
        url: of the node; its path is not used.
        timeout: for one exchange, connecting included, in seconds.
    """

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._timeout = timeout
        self._idle: deque[Connection] = deque()

    async def ask(self, method: str, host: str, path: str, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        """Send one request for `path` (latin-1 for bytes) at `host`, and return what the cache answered.

        Raises:
            TargetError: host, path or a header can't be sent as they are.
            CacheUnavailable: no connection, no answer in time, or none that is HTTP.
        """
        request = _request(method, host, path, headers)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(request)
        except TimeoutError:
            raise CacheUnavailable(f"no answer within {self._timeout:g} s") from None
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError) as error:
            raise CacheUnavailable(f"{type(error).__name__}: {error}") from None

    async def _ask(self, request: bytes) -> Answer:
        while True:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                answer = await connection.exchange(request)
            except (ConnectionError, EOFError):
                # The cache may close an idle connection at any time; a purge can be sent twice without harm.
                if connection.fresh:
                    raise
            else:
                return answer
            finally:
                self._put_back(connection)

    def _put_back(self, connection: Connection) -> None:
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()

    async def _connect(self) -> Connection:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=MAX_HEAD)
        return Connection(reader, writer)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()


def _request(method: str, host: str, path: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [("Host", host), *headers]
    if not path or _NOT_A_TARGET.search(path) or any(_NOT_A_VALUE.search(name + value) for name, value in lines):
        raise TargetError("the target holds bytes that no request can carry")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1")


def _parse(head: str) -> Answer:
    """The status line and headers. ValueError: it is not HTTP/1."""
    start, *lines = head.rstrip("\r\n").split("\r\n")
    version, status, *_ = start.split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise ValueError("not an HTTP/1 response")
    fields = (line.partition(":") for line in lines)
    return Answer(int(status), {name.strip().lower(): value.strip() for name, _, value in fields})

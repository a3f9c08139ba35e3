"""A server that answers with literal bytes, and the words that the tests of local caches share."""

import asyncio
import inspect
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from edgeward.takedown.caches import CacheDriver, Purged
from edgeward.types import NOWHERE, Cause, PurgeOrder, Scope, Target

type Reply = Callable[[bytes, int], bytes | Awaitable[bytes | None] | None]
"""(request head, exchange on this connection) -> answer; None closes the connection."""


@asynccontextmanager
async def server(reply: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers with literal bytes: (its URL, the heads it got)."""
    heads: list[bytes] = []
    busy: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            busy.add(task)
        try:
            for number in range(100000):
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                answer = reply(heads[-1], number)
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        scheme = "https" if tls else "http"
        yield f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}", heads
    finally:
        listening.close()
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    """A whole answer with its length."""
    lines = "".join(f"{header}\r\n" for header in (*headers, f"Content-Length: {len(body)}"))
    return f"HTTP/1.1 {status} Reason\r\n{lines}\r\n".encode("latin-1") + body


def path_of(head: bytes) -> str:
    """The request target of a head, latin-1 for bytes."""
    return head.split(b" ", 2)[1].decode("latin-1")


def order(target: Target) -> PurgeOrder:
    return PurgeOrder(target, Cause.MANUAL, 0.0)


def prefix(path: str, host: str = "img.test") -> PurgeOrder:
    return PurgeOrder(Target("https", host, path), Cause.TAKEDOWN, 0.0, scope=Scope.PREFIX)


def tag(name: str) -> PurgeOrder:
    return PurgeOrder(NOWHERE, Cause.LISTING, 0.0, scope=Scope.TAG, tag=name)


async def purge(driver: CacheDriver, target: Target) -> Purged:
    """Purge one target, and close the driver."""
    try:
        (purged,) = await driver.purge([order(target)])
        return purged
    finally:
        await driver.close()

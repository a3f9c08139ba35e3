"""An HTTP server that responds with literal bytes, in place of a self-hosted cache."""

import asyncio
import inspect
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.caches.orders import order_for

from edgeward.caches import CacheDriver, Purged
from edgeward.types import Target

type Respond = Callable[[bytes, int], bytes | Awaitable[bytes | None] | None]
"""(request head, number of the request on its connection) -> response; None closes the connection."""


@asynccontextmanager
async def http_server(respond: Respond, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A running server: (its URL, the request heads it got)."""
    heads: list[bytes] = []
    busy: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            busy.add(task)
        try:
            for number in range(100000):
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                data = respond(heads[-1], number)
                if inspect.isawaitable(data):
                    data = await data
                if data is None:
                    break
                writer.write(data)
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


def response(status: int, *headers: str, body: bytes = b"") -> bytes:
    """A whole response with its length."""
    lines = "".join(f"{header}\r\n" for header in (*headers, f"Content-Length: {len(body)}"))
    return f"HTTP/1.1 {status} Reason\r\n{lines}\r\n".encode("latin-1") + body


def path_of(head: bytes) -> str:
    """The request target of a head, latin-1 for bytes."""
    return head.split(b" ", 2)[1].decode("latin-1")


async def purge(driver: CacheDriver, target: Target) -> Purged:
    """Purge one target, and close the driver."""
    try:
        (purged,) = await driver.purge([order_for(target)])
        return purged
    finally:
        await driver.close()

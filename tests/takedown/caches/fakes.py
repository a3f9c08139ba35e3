"""A server that stands for a vendor's API: it keeps what it was asked, byte for byte, and answers as a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from edgeward.cache_settings import parse_cache
from edgeward.takedown.caches import driver_for
from edgeward.takedown.caches.base import Purged
from edgeward.takedown.caches.vendor import Vendor
from edgeward.types import NOWHERE, Cause, Delivery, PurgeOrder, Scope, Target


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


def said(status: int, body: object = b"", **headers: str) -> bytes:
    """An answer. What is no bytes goes out as JSON; `_` in the names of headers stands for `-`."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, bytes) else "application/json"
    lines = {"Content-Type": kind, "Content-Length": str(len(raw)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + raw


type Answering = Callable[[Asked], bytes]


@dataclass
class Fake:
    """`answer` may be replaced while it runs. `asked` holds all requests in their order."""

    answer: Answering
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                request = await _read(reader)
                self.asked.append(request)
                writer.write(self.answer(request))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked:
    start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
    method, target, _ = start.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Asked(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@asynccontextmanager
async def fake(answer: Answering) -> AsyncIterator[Fake]:
    """A running server."""
    made = Fake(answer)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        server.close_clients()


@asynccontextmanager
async def driven(settings: Mapping[str, object], answer: Answering) -> AsyncIterator[tuple[Vendor, Fake]]:
    """A driver with these settings, and the server that it talks to."""
    async with fake(answer) as server:
        driver = driver_for(parse_cache({"name": "cdn", "url": server.url, "timeout_ms": 10_000, **settings}))
        assert isinstance(driver, Vendor)
        try:
            yield driver, server
        finally:
            await driver.close()


def order(path: str = "/p", host: str = "img.test", scheme: str = "https", **vary: str) -> PurgeOrder:
    """An order for one target. `_` in the names of headers stands for `-`."""
    headers = tuple((name.replace("_", "-"), value) for name, value in vary.items())
    return PurgeOrder(Target(scheme, host, path, headers), Cause.MANUAL, 0.0)


def below(path: str, host: str = "img.test") -> PurgeOrder:
    return PurgeOrder(Target("https", host, path), Cause.TAKEDOWN, 0.0, scope=Scope.PREFIX)


def tagged(tag: str) -> PurgeOrder:
    return PurgeOrder(NOWHERE, Cause.LISTING, 0.0, scope=Scope.TAG, tag=tag)


def deliveries(purged: list[Purged]) -> list[Delivery]:
    return [one.delivery for one in purged]

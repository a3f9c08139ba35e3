"""A server in place of a CDN's API: it records requests byte for byte, and responds as a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from edgeward.caches import driver_for
from edgeward.caches.base import Purged
from edgeward.caches.cdn_driver import CdnDriver
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import Delivery


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


def response(status: int, body: object = b"", **headers: str) -> bytes:
    """A response. A body that is not bytes is sent as JSON; `_` in the names of headers stands for `-`."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, bytes) else "application/json"
    lines = {"Content-Type": kind, "Content-Length": str(len(raw)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Reason\r\n{head}\r\n".encode() + raw


type Respond = Callable[[ApiRequest], bytes]


@dataclass
class ApiServer:
    """`respond` may be replaced while it runs. `requests` holds all requests in their order."""

    respond: Respond
    url: str = ""
    requests: list[ApiRequest] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                request = await _read(reader)
                self.requests.append(request)
                writer.write(self.respond(request))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def _read(reader: asyncio.StreamReader) -> ApiRequest:
    start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
    method, target, _ = start.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return ApiRequest(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@asynccontextmanager
async def api_server(respond: Respond) -> AsyncIterator[ApiServer]:
    """A running server."""
    made = ApiServer(respond)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        server.close_clients()


@asynccontextmanager
async def cdn_driver(settings: Mapping[str, object], respond: Respond) -> AsyncIterator[tuple[CdnDriver, ApiServer]]:
    """A driver with these settings, and the server that it talks to."""
    async with api_server(respond) as server:
        driver = driver_for(parse_cache({"name": "cdn", "url": server.url, "timeout_ms": 10_000, **settings}))
        assert isinstance(driver, CdnDriver)
        try:
            yield driver, server
        finally:
            await driver.close()


def deliveries(purged: list[Purged]) -> list[Delivery]:
    return [one.delivery for one in purged]

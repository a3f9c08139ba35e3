"""A real worker in the test's own event loop, a raw upstream that sends what it is told, and a raw client."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.shared_pool import SharedPool

from edgeward.hashing.hashers.pool import HasherPool
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.proxy import runtime, stream, unjudged_requests
from edgeward.proxy.judge import Judge
from edgeward.proxy.runtime import Runtime
from edgeward.proxy.server import EdgeMaster
from edgeward.settings.config import Config, HashingSettings, SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, Signal

HASHING = HashingSettings(processes=1, timeout_ms=30_000)

_namespaces = itertools.count()


@dataclass(slots=True)
class Upstream:
    """Answers each request with what `answers` has for its request line, and records the requests in `seen`.

    While `hold` is cleared, it does not answer.
    """

    answers: dict[str, bytes] = field(default_factory=dict)
    seen: list[bytes] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    address: str = ""
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.hold.set()

    def put(self, path: str, body: bytes, *headers: str, status: str = "200 OK", method: str = "GET") -> None:
        lines = [f"HTTP/1.1 {status}", *headers]
        if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
            lines.append(f"Content-Length: {len(body)}")
        self.answers[f"{method} {path}"] = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while head := await _head(reader):
            self.seen.append(head)
            await self.hold.wait()
            method, path, _ = head.split(b"\r\n")[0].decode("latin-1").split(" ", 2)
            if b"range: " in head.lower() and (part := self.answers.get(f"RANGE {path}")):
                answer = part
            elif b"if-none-match: " in head.lower() and (unmodified := self.answers.get(f"IF {path}")):
                answer = unmodified
            else:
                answer = self.answers.get(f"{method} {path}", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            if b"connection: close" in answer.lower():
                break
        writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Upstream"]:
        server = await asyncio.start_server(self._quietly, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield self
        server.close()

    async def _quietly(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Worker:
    """One worker in this process: its gate, its lists, and a client that speaks raw HTTP/1.1 to it."""

    upstream: Upstream
    address: tuple[str, int]
    runtime: Runtime
    list_store: ListStore
    store: Store
    master: EdgeMaster

    async def raw(self, request: bytes, method: str = "GET") -> Reply:
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(request)
        try:
            return await asyncio.wait_for(read_reply(reader, method), 60)
        finally:
            writer.close()

    async def get(self, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> Reply:
        lines = [f"{method} {path} HTTP/1.1", "Host: img.test", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return await self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body, method)

    async def list(self, *signals: Signal, name: str = "staff", **policy: Any) -> list[Entry]:
        """List signals, and wait until this worker has applied that."""
        if name not in {known.name for known in await self.list_store.lists()}:
            await self.list_store.create_list(HashList(name, **policy), "test", "")
        changes = await self.list_store.add_entries([Entry(name, signal) for signal in signals], "test")
        assert await self.runtime.replica.wait_version(changes[-1].version, 60)
        return [change.entry for change in changes if change.entry]


async def read_reply(reader: asyncio.StreamReader, method: str = "GET") -> Reply:
    """One response, with its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(first.split()[1])
    body = b""
    if method != "HEAD" and status not in (204, 304):
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Reply(status, headers, body)


type StartWorker = Callable[..., Awaitable[Worker]]


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[SharedPool]:
    """One hasher for all tests of a module with the same settings."""
    shared = SharedPool(HASHING)
    await shared.start()
    yield shared
    await shared.end()


@pytest.fixture
async def start_worker(
    redis_url: str, tmp_path: Path, pool: SharedPool, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StartWorker]:
    """Starts a worker with the given settings by section, on a namespace of its own."""
    stream.install()
    monkeypatch.setattr(runtime, "HasherPool", lambda asked: pool if asked == HASHING else HasherPool(asked))
    async with AsyncExitStack() as stack:

        async def start(upstream_address: str | None = None, **settings: Any) -> Worker:
            upstream = await stack.enter_async_context(Upstream().running())
            sections: dict[str, Any] = {
                "proxy": {"upstream": f"http://{upstream_address or upstream.address}", "listen": "127.0.0.1:0"},
                "store": {"url": redis_url, "namespace": f"worker{next(_namespaces)}", "timeout_ms": 30_000},
                "hashing": HASHING.model_dump(exclude_unset=True),
            }
            for name, values in settings.items():
                sections[name] = {**sections.get(name, {}), **values} if isinstance(values, dict) else values
            config = Config.model_validate({"state_dir": tmp_path, **sections})
            return await _start(stack, config, upstream)

        yield start


async def _start(stack: AsyncExitStack, config: Config, upstream: Upstream) -> Worker:
    store = await Store.connect(config.store_url, config.store.namespace, timeout_ms=config.store.timeout_ms)
    stack.push_async_callback(store.close)
    runtime = await stack.enter_async_context(Runtime(config))
    master = EdgeMaster(config, runtime.gate)
    running = asyncio.create_task(master.run())

    async def stop() -> None:
        master.shutdown()
        await running

    stack.push_async_callback(stop)
    await eventually(master.proxyserver.listen_addrs)
    host, port = master.proxyserver.listen_addrs()[0][:2]
    return Worker(upstream, (host, port), runtime, ListStore(store), store, master)


@pytest.fixture
async def worker(start_worker: StartWorker) -> Worker:
    """A worker with the default settings."""
    return await start_worker()


@pytest.fixture
def patient_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is sent again waits for its answer as long as a test holds it back: a machine that stands still
    meanwhile is not taken for an upstream that does not answer."""
    monkeypatch.setattr(unjudged_requests, "ANSWER_SECONDS", (60.0, 60.0))
    monkeypatch.setattr(unjudged_requests, "LOOK_SECONDS", 60.0)


@pytest.fixture
async def replica(store: Store) -> AsyncIterator[Replica]:
    made = Replica(store, "test")
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def judge(store: Store, replica: Replica, pool: HasherPool) -> AsyncIterator[Judge]:
    made = Judge(Config(hashing=HASHING), replica, pool, Sightings(store, SightingsSettings()))
    yield made
    await made.close()

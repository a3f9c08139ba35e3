"""The hooks of a request go straight to the gate."""

import asyncio
import time
from typing import Any

import pytest
from mitmproxy import addonmanager, http
from mitmproxy.proxy.events import DataReceived
from tests.proxy.conftest import StartWorker, Worker, read_reply
from tests.proxy.responses import ended
from tests.support.eventually import eventually

from edgeward.proxy import client_connection, stream
from edgeward.proxy.client_connection import GateConnection, SharedMode

MB = 1_000_000


async def test_hooks_of_a_request_skip_the_addons(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response is judged, and no hook of the request goes through the addon manager."""
    seen: list[str] = []
    original = addonmanager.AddonManager.handle_lifecycle

    async def watched(self: addonmanager.AddonManager, event: object) -> None:
        seen.append(type(event).__name__)
        await original(self, event)

    monkeypatch.setattr(addonmanager.AddonManager, "handle_lifecycle", watched)
    worker.upstream.put("/a", b"hello", "Content-Type: text/plain")
    assert (await worker.get("/a")).body == b"hello"
    assert "ClientConnectedHook" in seen
    assert not [name for name in seen if name.startswith(("HttpRequest", "HttpResponse"))]


def test_the_mode_is_registered() -> None:
    """`shared:` is a mode of its own, and still a reverse proxy to mitmproxy."""
    mode = SharedMode.parse(f"{SharedMode.type_name}:http://127.0.0.1:1@127.0.0.1:0")
    assert isinstance(mode, SharedMode)
    assert mode.address == ("127.0.0.1", 1)


def test_what_is_replaced_in_mitmproxy_is_there() -> None:
    """A mitmproxy without it fails at start."""
    stream.install()
    assert http.Request.make("GET", "http://a/").method == "GET"
    with pytest.raises(RuntimeError, match="nothing_like_it is gone"):
        stream._replace(http, "nothing_like_it", lambda: b"")


async def test_an_upstream_is_not_read_while_a_hook_decides(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sends meanwhile stays with it: mitmproxy would keep all of it."""
    sent = 0
    go, asked = asyncio.Event(), asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99999999\r\n\r\n")
        while sent < 90 * MB:
            writer.write(bytes(MB))
            await writer.drain()
            sent += MB
        writer.close()

    async with await asyncio.start_server(upstream, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        worker = await start_worker(f"{host}:{port}")
        original = worker.runtime.gate.responseheaders

        async def slow(flow: Any) -> None:
            asked.set()
            await go.wait()
            await original(flow)

        monkeypatch.setattr(worker.runtime.gate, "responseheaders", slow)
        reader, writer = await asyncio.open_connection(*worker.address)
        writer.write(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        await asked.wait()
        stood_at, since = -1, 0.0

        def stands_still() -> bool:
            nonlocal stood_at, since
            if stood_at != sent:
                stood_at, since = sent, time.monotonic()
            return time.monotonic() - since > 0.3

        await eventually(stands_still)
        assert sent < 30 * MB  # the kernel's buffers
        go.set()
        await reader.readexactly(40 * MB)
        writer.close()


async def test_idle_connections_make_room(start_worker: StartWorker) -> None:
    """Beyond proxy.connections the one that has been idle longest is closed; if none is idle, the new one."""
    worker = await start_worker(proxy={"connections": 16})
    worker.upstream.put("/a", b"hello", "Content-Type: text/plain")
    before = ended("connections")
    idle = [await asyncio.open_connection(*worker.address) for _ in range(16)]
    await eventually(lambda: len(worker.master.proxyserver.connections) == 16)
    assert (await worker.get("/a")).body == b"hello"
    assert await asyncio.wait_for(idle[0][0].read(), 60) == b""
    assert ended("connections") == before + 1
    worker.upstream.hold.clear()
    for _, writer in idle[1:]:
        writer.write(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    await eventually(lambda: len(worker.upstream.seen) == 16)
    _, writer = await asyncio.open_connection(*worker.address)
    writer.write(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    await eventually(lambda: len(worker.upstream.seen) == 17)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await worker.get("/a")
    worker.upstream.hold.set()
    for each in idle[1:]:
        assert (await asyncio.wait_for(read_reply(each[0]), 60)).body == b"hello"
        each[1].close()
    writer.close()


async def test_others_run_between_two_reads(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body whose parts take long to read, as one of very many small chunks does, leaves turns to others."""
    turns, in_row, longest = 0, 0, 0

    class Slow(GateConnection):
        async def server_event(self, event: Any) -> None:
            nonlocal turns, in_row, longest
            in_row, turns = (in_row + 1 if turns == self.turns_seen else 1), turns
            self.turns_seen = turns
            longest = max(longest, in_row)
            await super().server_event(event)
            if isinstance(event, DataReceived):
                end = time.perf_counter() + 2 * client_connection.TURN_SECONDS
                while time.perf_counter() < end:
                    pass

        turns_seen = -1

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(client_connection, "GateConnection", Slow)
    worker.upstream.put("/a", bytes(2 * MB), "Content-Type: text/plain")
    counting = asyncio.create_task(count_turns())
    assert len((await worker.get("/a")).body) == 2 * MB
    counting.cancel()
    assert longest <= 3

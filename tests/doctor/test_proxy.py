"""Checks of a proxy: whether it refuses purges by clients."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from edgeward.doctor import proxy
from edgeward.doctor.finding import Health
from edgeward.doctor.proxy import check_proxy


@pytest.fixture
async def open_proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A proxy that accepts every request."""
    monkeypatch.setattr(proxy, "TIMEOUT_SECONDS", 20.0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while await reader.readline() not in (b"\r\n", b""):
                pass
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_an_open_proxy_is_a_failure(open_proxy: str) -> None:
    """The finding names what it accepts."""
    (finding,) = await check_proxy(open_proxy)
    assert finding.health is Health.FAIL
    assert "PURGE" in finding.detail
    assert "Edgeward-Secret" in finding.detail


async def test_without_a_proxy_the_check_is_skipped() -> None:
    """If none answers, or its port is unknown."""
    for listen in ("127.0.0.1:1", "127.0.0.1:0"):
        (finding,) = await check_proxy(listen)
        assert finding.health is Health.SKIPPED


async def test_a_proxy_that_accepts_connections_and_does_not_answer_is_on_this_machine() -> None:
    """It is not said to be elsewhere: the finding says what it does, and how to restart it."""
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        (finding,) = await check_proxy(f"127.0.0.1:{frozen.getsockname()[1]}")
    assert finding.health is Health.SKIPPED
    assert "on this machine accepts connections, and does not answer" in finding.detail
    assert "kill -CONT" in finding.fix

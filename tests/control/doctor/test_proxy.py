"""Whether purges by clients are refused, asked of a proxy."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from edgeward.control.doctor import proxy
from edgeward.control.doctor.finding import Health
from edgeward.control.doctor.proxy import examine


@pytest.fixture
async def open_proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A proxy that lets everything through."""
    monkeypatch.setattr(proxy, "SECONDS", 20.0)

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
    """What passes is named."""
    (finding,) = await examine(open_proxy)
    assert finding.health is Health.FAIL
    assert "PURGE" in finding.said
    assert "Edgeward-Secret" in finding.said


async def test_no_proxy_is_no_proof() -> None:
    """Where none answers, or the port is not known, nothing is claimed."""
    for listen in ("127.0.0.1:1", "127.0.0.1:0"):
        (finding,) = await examine(listen)
        assert finding.health is Health.SKIPPED

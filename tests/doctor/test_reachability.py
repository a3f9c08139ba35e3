"""At which step a server can't be reached."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.caches.certificates import server_context
from tests.support.programs import free_port

from edgeward.demo.origin import Origin
from edgeward.doctor.reachability import reach


async def test_a_server_that_answers() -> None:
    """Its status is returned, whatever it is."""
    with Origin() as origin:
        origin.put("/a", b"x", "text/plain")
        assert (await reach(f"http://{origin.address}", "img.test", "/a")).status == 200
        assert (await reach(f"http://{origin.address}")).status == 404


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """A server that accepts connections and never answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_each_step_has_its_words(silent: str, tmp_path: Path) -> None:
    """A name, a port, a silent server, no TLS, and a certificate that nothing vouches for."""
    context, _ = server_context(tmp_path, "localhost")

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    secured = await asyncio.start_server(close, "127.0.0.1", 0, ssl=context)
    port = secured.sockets[0].getsockname()[1]
    cases = {
        "http://no-such-host.invalid": "DNS",
        f"http://127.0.0.1:{free_port()}": "connection refused",
        f"http://{silent}": "does not answer as an HTTP server: no answer within",
        f"https://{silent}": "time-out",
        f"https://localhost:{port}": "certificate is not valid",
    }
    for url, words in cases.items():
        # Only what never comes is not waited for: a busy machine is slow to resolve a name and to check a certificate.
        reached = await reach(url, timeout=0.5 if silent in url else 60.0)
        assert (reached.status, words in reached.problem) == (0, True), (url, reached)
    secured.close()

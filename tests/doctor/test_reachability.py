"""At which step a server can't be reached."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.caches.certificates import server_context
from tests.support.programs import free_port

from edgeward.demo.origin import Origin
from edgeward.doctor.reachability import Step, reach


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
        "http://no-such-host.invalid": ("DNS", Step.NAME),
        f"http://127.0.0.1:{free_port()}": ("connection refused", Step.REFUSED),
        f"http://{silent}": ("does not answer as an HTTP server: no answer within", Step.SILENT),
        f"https://{silent}": ("time-out", Step.TLS),
        f"https://localhost:{port}": ("certificate is not valid", Step.CERTIFICATE),
        f"http://localhost:{port}": ("speaks TLS", Step.ONLY_TLS),
    }
    for url, (words, step) in cases.items():
        # Only what never comes is not waited for: a busy machine is slow to resolve a name and to check a certificate.
        reached = await reach(url, timeout=0.5 if silent in url else 60.0)
        assert (reached.status, words in reached.problem, reached.step) == (0, True, step), (url, reached)
    secured.close()


async def test_a_server_of_another_protocol_or_without_tls(tmp_path: Path) -> None:
    """HTTPS to a plain port, and HTTP to a port where something else answers."""
    with Origin() as origin:
        assert (await reach(f"https://{origin.address}", timeout=60.0)).step is Step.NO_TLS

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await reader.read(4096)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    shell = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert [(await reach(f"{scheme}://{shell}")).step for scheme in ("http", "https")] == [Step.NO_HTTP, Step.TLS]
    server.close()


async def test_a_port_for_tls_that_answers_plain_http(tmp_path: Path) -> None:
    """nginx and others say 400 to that: it is no answer to what was asked."""
    context, _ = server_context(tmp_path, "localhost")

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    secured = await asyncio.start_server(close, "127.0.0.1", 0, ssl=context)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(4096)
        if first.startswith(b"GET"):
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        elif first:
            inner, to_inner = await asyncio.open_connection(*secured.sockets[0].getsockname())
            to_inner.write(first)
            await asyncio.gather(copy(reader, to_inner), copy(inner, writer), return_exceptions=True)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reached = await reach(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert (reached.status, reached.step) == (400, Step.ONLY_TLS)
    server.close()
    secured.close()

"""The HTTP client that sends request targets byte for byte, against real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.wire import TargetError, Wire

type Reply = Callable[[bytes, int], bytes | None]
"""(request head, exchange on this connection) -> answer; None closes the connection."""


@asynccontextmanager
async def server(reply: Reply) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers with literal bytes: (its URL, the heads it got)."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(100):
            try:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.IncompleteReadError:
                break
            answer = reply(heads[-1], number)
            if answer is None:
                break
            writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", heads
    finally:
        listening.close()


async def ask(wire: Wire, path: str = "/p", headers: tuple[tuple[str, str], ...] = ()) -> int:
    return (await wire.ask("PURGE", "img.test", path, headers)).status


async def test_sends_the_bytes_of_the_target() -> None:
    """The request line holds the target byte for byte, non-ASCII bytes and an empty query included."""
    async with server(lambda head, number: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (url, heads):
        await ask(Wire(url, 1), "//\xe9%7e?", (("X-A", "b"),))
    assert heads == [b"PURGE //\xe9%7e? HTTP/1.1\r\nHost: img.test\r\nX-A: b\r\n\r\n"]


async def test_keeps_connections() -> None:
    """Exchanges share a connection, and bodies do not run into the next answer."""
    exchanges: list[int] = []

    def reply(_: bytes, number: int) -> bytes:
        exchanges.append(number)
        return b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\nX-Purged: 0\r\n\r\ngone"

    async with server(reply) as (url, _):
        wire = Wire(url, 1)
        assert [await ask(wire) for _ in range(3)] == [404, 404, 404]
        wire.close()
    assert exchanges == [0, 1, 2]


async def test_a_connection_that_went_stale_is_replaced() -> None:
    """An idle connection that the cache closed costs nothing but a new one."""

    def reply(_: bytes, number: int) -> bytes | None:
        return None if number else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    async with server(reply) as (url, heads):
        wire = Wire(url, 1)
        assert [await ask(wire) for _ in range(3)] == [200, 200, 200]
    assert len(heads) == 5


@pytest.mark.parametrize("answer", [b"SMTP ready\r\n\r\n", b"HTTP/1.1 ok\r\n\r\n", b"\r\n\r\n", None, b"x" * 200_000])
async def test_no_http_is_unavailable(answer: bytes | None) -> None:
    """Whatever is no HTTP answer says that the cache is away; it never raises anything else."""
    async with server(lambda head, number: answer) as (url, _):
        with pytest.raises(CacheUnavailable):
            await ask(Wire(url, 0.5))


@pytest.mark.parametrize("path", ["", "/a b", "/a\r\nX: y", "/a\x7f", "/\u20ac"])
async def test_what_no_request_can_carry_is_refused(path: str) -> None:
    """A target with bytes that would break the request line is never sent."""
    async with server(lambda head, number: None) as (url, heads):
        with pytest.raises(TargetError):
            await ask(Wire(url, 1), path)
        with pytest.raises(TargetError):
            await ask(Wire(url, 1), "/p", (("X-A", f"b\r\n{path}\x00"),))
    assert heads == []

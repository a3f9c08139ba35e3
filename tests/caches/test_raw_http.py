"""The HTTP client that sends request targets byte for byte, against real sockets."""

import asyncio
import tracemalloc
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from tests.caches.certificates import server_context
from tests.caches.http_server import http_server, path_of, response
from tests.support.eventually import eventually

from edgeward.caches.raw_http import (
    MAX_PIPELINES,
    MAX_SINGLE_CONNECTIONS,
    MAX_UNPIPELINED,
    RawHttpClient,
    RawHttpRequest,
    ResponseOrError,
    TargetError,
)
from edgeward.caches.response_parser import HttpResponse
from edgeward.errors import CacheUnavailable

OK = response(200)


async def ask(client: RawHttpClient, path: str = "/p", headers: tuple[tuple[str, str], ...] = ()) -> int:
    return (await client.ask("PURGE", "img.test", path, headers)).status


def requests(count: int, *more: str) -> list[RawHttpRequest]:
    return [RawHttpRequest("PURGE", "img.test", path) for path in (*(f"/{number}" for number in range(count)), *more)]


def echo(head: bytes, _: int) -> bytes:
    """A response that names its request."""
    return response(404, f"X-Path: {path_of(head)}")


def paths(replies: list[ResponseOrError]) -> list[str]:
    return [reply.headers["x-path"] if isinstance(reply, HttpResponse) else type(reply).__name__ for reply in replies]


async def test_sends_the_bytes_of_the_target() -> None:
    """The request line holds the target byte for byte, non-ASCII bytes and an empty query included."""
    async with http_server(lambda head, number: OK) as (url, heads):
        client = RawHttpClient(url, 10)
        await ask(client, "//\xe9%7e?", (("X-A", "b"),))
        client.close()
    assert heads == [b"PURGE //\xe9%7e? HTTP/1.1\r\nHost: img.test\r\nX-A: b\r\n\r\n"]


async def test_connections_are_reused() -> None:
    """Exchanges share a connection, and bodies do not run into the next response."""
    exchanges: list[int] = []

    def reply(_: bytes, number: int) -> bytes:
        exchanges.append(number)
        return response(404, "X-Purged: 0", body=b"gone")

    async with http_server(reply) as (url, _):
        client = RawHttpClient(url, 10)
        assert [await ask(client) for _ in range(3)] == [404, 404, 404]
        client.close()
    assert exchanges == [0, 1, 2]


async def test_a_connection_that_went_stale_is_replaced() -> None:
    """An idle connection that the cache closed is replaced without an error."""
    async with http_server(lambda head, number: None if number else OK) as (url, heads):
        client = RawHttpClient(url, 10)
        assert [await ask(client) for _ in range(3)] == [200, 200, 200]
        client.close()
    assert len(heads) == 5


@pytest.mark.parametrize("raw", [b"SMTP ready\r\n\r\n", b"HTTP/1.1 ok\r\n\r\n", b"\r\n\r\n", None, b"x" * 200_000])
async def test_no_http_is_unavailable(raw: bytes | None) -> None:
    """Anything but an HTTP response raises CacheUnavailable, and nothing else."""
    async with http_server(lambda head, number: raw) as (url, _):
        with pytest.raises(CacheUnavailable):
            await ask(RawHttpClient(url, 0.5))


@pytest.mark.parametrize("status", [301, 429, 503])
async def test_a_redirect_and_an_error_are_responses(status: int) -> None:
    """Redirects are not followed and error statuses not raised: the driver decides what they mean."""
    async with http_server(lambda head, number: response(status, "Location: http://127.0.0.1:1/")) as (url, heads):
        client = RawHttpClient(url, 10)
        assert await ask(client) == status
        client.close()
    assert len(heads) == 1


@pytest.mark.parametrize(("size", "keep"), [(10, 10), (10, 100), (0, 10)])
async def test_keeps_as_much_of_the_body_as_requested(size: int, keep: int) -> None:
    """The body is returned where `keep` allows it."""
    async with http_server(lambda head, number: response(200, body=b"x" * size)) as (url, _):
        client = RawHttpClient(url, 10)
        assert (await client.ask("GET", "img.test", "/p", keep=keep)).body == b"x" * size
        client.close()


async def test_a_body_longer_than_keep_is_unavailable() -> None:
    """A body longer than `keep` is an error, and is not cut."""
    async with http_server(lambda head, number: response(200, body=b"x" * 11)) as (url, _):
        with pytest.raises(CacheUnavailable, match="longer than 10 bytes"):
            await RawHttpClient(url, 10).ask("GET", "img.test", "/p", keep=10)


@pytest.mark.parametrize("keep", [0, 1 << 16])
async def test_an_endless_body_takes_neither_memory_nor_time(keep: int) -> None:
    """An endless body ends with the timeout at the latest, and is not collected in memory."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(bytes(1 << 16))
                await asyncio.sleep(0)
                await writer.drain()

    listening = await asyncio.start_server(endless, "127.0.0.1", 0)
    client = RawHttpClient(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", 0.3)
    tracemalloc.start()
    try:
        with pytest.raises(CacheUnavailable):
            await client.ask("GET", "img.test", "/p", keep=keep)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
        listening.close()


async def test_a_slow_response_ends_with_the_timeout() -> None:
    """A response that arrives byte by byte takes no longer than the timeout."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"H")
            await asyncio.sleep(0.02)

    listening = await asyncio.start_server(drip, "127.0.0.1", 0)
    client = RawHttpClient(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", 0.2)
    # One after another they would take 200 s.
    async with asyncio.timeout(60):
        for replies in (await client.ask_many(requests(1)), await client.ask_many(requests(1000))):
            assert all(isinstance(reply, CacheUnavailable) for reply in replies)
    listening.close()


@pytest.mark.parametrize("path", ["", "/a b", "/a\r\nX: y", "/a\x7f", "/\u20ac"])
async def test_what_no_request_can_carry_is_refused(path: str) -> None:
    """A target with bytes that would break the request line is never sent."""
    async with http_server(lambda head, number: None) as (url, heads):
        client = RawHttpClient(url, 10)
        with pytest.raises(TargetError):
            await ask(client, path)
        with pytest.raises(TargetError):
            await ask(client, "/p", (("X-A", f"b\r\n{path}\x00"),))
        for name in ("", "X A", "X-A:", "X\r\nB"):
            with pytest.raises(TargetError):
                await ask(client, "/p", ((name, "b"),))
        with pytest.raises(TargetError):
            await client.ask("PURGE", path, "/p")
    assert heads == []


@pytest.mark.usefixtures("no_stall_limit")
@pytest.mark.parametrize("count", [1, MAX_UNPIPELINED, MAX_UNPIPELINED + 1, 500])
async def test_many_get_their_own_responses(count: int) -> None:
    """Each request gets its own response, however many there are."""
    async with http_server(echo) as (url, heads):
        client = RawHttpClient(url, 10)
        assert paths(await client.ask_many(requests(count))) == [f"/{number}" for number in range(count)]
        client.close()
    assert len(heads) == count


async def test_one_that_cannot_be_sent_affects_no_other() -> None:
    """A target that no request can carry fails alone among many."""
    async with http_server(echo) as (url, _):
        client = RawHttpClient(url, 10)
        assert paths(await client.ask_many(requests(2, "/a b"))) == ["/0", "/1", "TargetError"]
        client.close()


@pytest.mark.parametrize("count", [MAX_UNPIPELINED - 1, 300])
async def test_one_that_is_delayed_delays_no_other(count: int) -> None:
    """A request that the cache answers late delays the others by no more than a moment."""
    released = asyncio.Event()

    async def reply(head: bytes, number: int) -> bytes:
        if path_of(head) == "/delayed":
            await released.wait()
        return echo(head, number)

    async with http_server(reply) as (url, heads):
        client = RawHttpClient(url, 600)
        asking = asyncio.create_task(
            client.ask_many([RawHttpRequest("PURGE", "img.test", "/delayed"), *requests(count)])
        )
        await eventually(lambda: len(set(heads)) == count + 1)
        await asyncio.sleep(0.05)
        assert not asking.done()
        released.set()
        assert paths(await asking) == ["/delayed", *(f"/{number}" for number in range(count))]
        client.close()


async def test_requests_are_repeated_after_a_close() -> None:
    """When a server closes connections after some requests, as many do, every request still gets its response."""

    def reply(head: bytes, number: int) -> bytes | None:
        return None if number == 5 else echo(head, number)

    async with http_server(reply) as (url, _):
        client = RawHttpClient(url, 10)
        assert paths(await client.ask_many(requests(200))) == [f"/{number}" for number in range(200)]
        client.close()


@pytest.mark.parametrize("count", [3, 1000])
async def test_a_cache_that_hangs(count: int) -> None:
    """Many requests to a cache that hangs fail together after a timeout or two, not one after another."""

    async def hang(head: bytes, number: int) -> None:
        await asyncio.Event().wait()

    async with http_server(hang) as (url, heads), asyncio.timeout(60):
        replies = await RawHttpClient(url, 0.3).ask_many(requests(count))
    assert {str(reply) for reply in replies} == {"no answer within 0.3 s"}
    assert all(isinstance(reply, CacheUnavailable) and reply.timed_out for reply in replies)
    # Only those that waited concurrently: with timeouts of their own the others would have been sent too.
    assert len(heads) <= MAX_PIPELINES + MAX_SINGLE_CONNECTIONS


async def test_a_cache_that_is_down() -> None:
    """Without a listener, many requests all fail at once."""
    async with http_server(echo) as (url, _):
        pass
    replies = await RawHttpClient(url, 10).ask_many(requests(100))
    assert all(isinstance(reply, CacheUnavailable) and "connection refused" in str(reply) for reply in replies)


@pytest.mark.usefixtures("no_stall_limit")
async def test_many_share_a_few_connections() -> None:
    """A backlog does not open a connection for each of its requests."""
    connections = Counter[int]()

    def reply(head: bytes, number: int) -> bytes:
        connections[number] += 1
        return echo(head, number)

    async with http_server(reply) as (url, _):
        client = RawHttpClient(url, 10)
        await client.ask_many(requests(1000))
        client.close()
    assert connections[0] <= MAX_PIPELINES


async def test_a_cancelled_exchange_ends_its_connection() -> None:
    """A cancelled exchange closes its connection: the next request must not get its response."""
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        with suppress(ConnectionError):
            await reader.read()
        closed.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        client = RawHttpClient(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", 5)
        slow = asyncio.create_task(ask(client))
        await arrived.wait()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        await asyncio.wait_for(closed.wait(), 60)


async def test_the_certificate_may_be_for_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is checked against `server_name`, and no other name is accepted."""
    context, authority = server_context(tmp_path, "img.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    async with http_server(lambda head, number: OK, context) as (url, _):
        client = RawHttpClient(url, 10, "img.test")
        assert await ask(client) == 200
        client.close()
        for name in ("other.test", None):
            with pytest.raises(CacheUnavailable, match="certificate"):
                await ask(RawHttpClient(url, 10, name))

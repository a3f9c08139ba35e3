"""The HTTP client that sends request targets byte for byte, against real sockets."""

import asyncio
import tracemalloc
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from tests.takedown.caches.certificates import server_context
from tests.takedown.caches.raw import answer, path_of, server
from tests.takedown.conftest import until

from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.answers import Answer
from edgeward.takedown.caches.wire import ALONE, FEW, PIPES, Reply, Request, TargetError, Wire

OK = answer(200)


async def ask(wire: Wire, path: str = "/p", headers: tuple[tuple[str, str], ...] = ()) -> int:
    return (await wire.ask("PURGE", "img.test", path, headers)).status


def requests(count: int, *more: str) -> list[Request]:
    return [Request("PURGE", "img.test", path) for path in (*(f"/{number}" for number in range(count)), *more)]


def echo(head: bytes, _: int) -> bytes:
    """An answer that names its request."""
    return answer(404, f"X-Path: {path_of(head)}")


def paths(replies: list[Reply]) -> list[str]:
    return [reply.headers["x-path"] if isinstance(reply, Answer) else type(reply).__name__ for reply in replies]


async def test_sends_the_bytes_of_the_target() -> None:
    """The request line holds the target byte for byte, non-ASCII bytes and an empty query included."""
    async with server(lambda head, number: OK) as (url, heads):
        wire = Wire(url, 10)
        await ask(wire, "//\xe9%7e?", (("X-A", "b"),))
        wire.close()
    assert heads == [b"PURGE //\xe9%7e? HTTP/1.1\r\nHost: img.test\r\nX-A: b\r\n\r\n"]


async def test_keeps_connections() -> None:
    """Exchanges share a connection, and bodies do not run into the next answer."""
    exchanges: list[int] = []

    def reply(_: bytes, number: int) -> bytes:
        exchanges.append(number)
        return answer(404, "X-Purged: 0", body=b"gone")

    async with server(reply) as (url, _):
        wire = Wire(url, 10)
        assert [await ask(wire) for _ in range(3)] == [404, 404, 404]
        wire.close()
    assert exchanges == [0, 1, 2]


async def test_a_connection_that_went_stale_is_replaced() -> None:
    """An idle connection that the cache closed costs nothing but a new one."""
    async with server(lambda head, number: None if number else OK) as (url, heads):
        wire = Wire(url, 10)
        assert [await ask(wire) for _ in range(3)] == [200, 200, 200]
        wire.close()
    assert len(heads) == 5


@pytest.mark.parametrize("raw", [b"SMTP ready\r\n\r\n", b"HTTP/1.1 ok\r\n\r\n", b"\r\n\r\n", None, b"x" * 200_000])
async def test_no_http_is_unavailable(raw: bytes | None) -> None:
    """Whatever is no HTTP answer says that the cache is away; it never raises anything else."""
    async with server(lambda head, number: raw) as (url, _):
        with pytest.raises(CacheUnavailable):
            await ask(Wire(url, 0.5))


@pytest.mark.parametrize("status", [301, 429, 503])
async def test_a_redirect_and_an_error_are_answers(status: int) -> None:
    """What an answer means is the driver's: nothing is followed, nothing raised."""
    async with server(lambda head, number: answer(status, "Location: http://127.0.0.1:1/")) as (url, heads):
        wire = Wire(url, 10)
        assert await ask(wire) == status
        wire.close()
    assert len(heads) == 1


@pytest.mark.parametrize(("size", "keep"), [(10, 10), (10, 100), (0, 10)])
async def test_keeps_as_much_of_the_body_as_asked(size: int, keep: int) -> None:
    """The body comes with the answer where it shall be kept."""
    async with server(lambda head, number: answer(200, body=b"x" * size)) as (url, _):
        wire = Wire(url, 10)
        assert (await wire.ask("GET", "img.test", "/p", keep=keep)).body == b"x" * size
        wire.close()


async def test_a_longer_body_than_may_be_kept_is_unavailable() -> None:
    """A body beyond `keep` is not cut: the answer counts as none."""
    async with server(lambda head, number: answer(200, body=b"x" * 11)) as (url, _):
        with pytest.raises(CacheUnavailable, match="longer than 10 bytes"):
            await Wire(url, 10).ask("GET", "img.test", "/p", keep=10)


@pytest.mark.parametrize("keep", [0, 1 << 16])
async def test_an_endless_body_takes_neither_memory_nor_time(keep: int) -> None:
    """A body without end ends with the timeout at the latest, and is not gathered."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(bytes(1 << 16))
                await asyncio.sleep(0)
                await writer.drain()

    listening = await asyncio.start_server(endless, "127.0.0.1", 0)
    wire = Wire(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", 0.3)
    tracemalloc.start()
    try:
        with pytest.raises(CacheUnavailable):
            await wire.ask("GET", "img.test", "/p", keep=keep)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
        listening.close()


async def test_a_dripping_answer_ends_with_the_timeout() -> None:
    """An answer that comes byte by byte holds nobody up for longer than the timeout."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"H")
            await asyncio.sleep(0.02)

    listening = await asyncio.start_server(drip, "127.0.0.1", 0)
    wire = Wire(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", 0.2)
    # One after the other, they would take 200 s.
    async with asyncio.timeout(60):
        for replies in (await wire.ask_many(requests(1)), await wire.ask_many(requests(1000))):
            assert all(isinstance(reply, CacheUnavailable) for reply in replies)
    listening.close()


@pytest.mark.parametrize("path", ["", "/a b", "/a\r\nX: y", "/a\x7f", "/\u20ac"])
async def test_what_no_request_can_carry_is_refused(path: str) -> None:
    """A target with bytes that would break the request line is never sent."""
    async with server(lambda head, number: None) as (url, heads):
        wire = Wire(url, 10)
        with pytest.raises(TargetError):
            await ask(wire, path)
        with pytest.raises(TargetError):
            await ask(wire, "/p", (("X-A", f"b\r\n{path}\x00"),))
        for name in ("", "X A", "X-A:", "X\r\nB"):
            with pytest.raises(TargetError):
                await ask(wire, "/p", ((name, "b"),))
        with pytest.raises(TargetError):
            await wire.ask("PURGE", path, "/p")
    assert heads == []


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 500])
async def test_many_get_their_own_answers(count: int) -> None:
    """Each request gets the answer to itself, however many there are."""
    async with server(echo) as (url, heads):
        wire = Wire(url, 10)
        assert paths(await wire.ask_many(requests(count))) == [f"/{number}" for number in range(count)]
        wire.close()
    assert len(heads) == count


async def test_one_that_cannot_be_sent_spoils_no_other() -> None:
    """Among many, a target that no request can carry is told apart."""
    async with server(echo) as (url, _):
        wire = Wire(url, 10)
        assert paths(await wire.ask_many(requests(2, "/a b"))) == ["/0", "/1", "TargetError"]
        wire.close()


@pytest.mark.parametrize("count", [FEW - 1, 300])
async def test_one_that_is_held_up_holds_up_no_other(count: int) -> None:
    """A request that the cache answers late delays none of the others by more than a moment."""
    released = asyncio.Event()

    async def reply(head: bytes, number: int) -> bytes:
        if path_of(head) == "/held":
            await released.wait()
        return echo(head, number)

    async with server(reply) as (url, heads):
        wire = Wire(url, 600)
        asking = asyncio.create_task(wire.ask_many([Request("PURGE", "img.test", "/held"), *requests(count)]))
        await until(lambda: len(set(heads)) == count + 1)
        await asyncio.sleep(0.05)
        assert not asking.done()
        released.set()
        assert paths(await asking) == ["/held", *(f"/{number}" for number in range(count))]
        wire.close()


async def test_a_cache_that_closes_in_between_is_asked_again() -> None:
    """Connections that close after some answers, as servers with a limit do, cost no request its answer."""

    def reply(head: bytes, number: int) -> bytes | None:
        return None if number == 5 else echo(head, number)

    async with server(reply) as (url, _):
        wire = Wire(url, 10)
        assert paths(await wire.ask_many(requests(200))) == [f"/{number}" for number in range(200)]
        wire.close()


@pytest.mark.parametrize("count", [3, 1000])
async def test_a_cache_that_hangs_is_given_up_in_time(count: int) -> None:
    """Where nothing answers, all of many are given up after a timeout or two, not one after the other."""

    async def hang(head: bytes, number: int) -> None:
        await asyncio.sleep(60)

    async with server(hang) as (url, heads), asyncio.timeout(20):
        replies = await Wire(url, 0.3).ask_many(requests(count))
    assert {str(reply) for reply in replies} == {"no answer within 0.3 s"}
    # Those that waited side by side. Had the others been given a timeout of their own, they would have been sent too.
    assert len(heads) <= PIPES + ALONE


async def test_a_cache_that_is_away() -> None:
    """Without anybody listening, all of many say so at once."""
    async with server(echo) as (url, _):
        pass
    replies = await Wire(url, 10).ask_many(requests(100))
    assert all(isinstance(reply, CacheUnavailable) and "Connect" in str(reply) for reply in replies)


@pytest.mark.usefixtures("patient")
async def test_many_share_a_few_connections() -> None:
    """A backlog does not open a connection for each of its requests."""
    connections = Counter[int]()

    def reply(head: bytes, number: int) -> bytes:
        connections[number] += 1
        return echo(head, number)

    async with server(reply) as (url, _):
        wire = Wire(url, 10)
        await wire.ask_many(requests(1000))
        wire.close()
    assert connections[0] <= PIPES


async def test_a_cancelled_exchange_ends_its_connection() -> None:
    """The connection of an exchange that was given up is closed: its answer must not be another's."""
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        with suppress(ConnectionError):
            await reader.read()
        closed.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        wire = Wire(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", 5)
        slow = asyncio.create_task(ask(wire))
        await arrived.wait()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        await asyncio.wait_for(closed.wait(), 10)


async def test_the_certificate_may_be_for_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At an address of its own a server shows the certificate of `server_name`, and no other name is let through."""
    context, authority = server_context(tmp_path, "img.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    async with server(lambda head, number: OK, context) as (url, _):
        wire = Wire(url, 10, "img.test")
        assert await ask(wire) == 200
        wire.close()
        for name in ("other.test", None):
            with pytest.raises(CacheUnavailable, match="certificate"):
                await ask(Wire(url, 10, name))

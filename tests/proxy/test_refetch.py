"""Fetches of full responses, to judge parts."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from mitmproxy import http
from tests.proxy.conftest import Upstream
from tests.support.programs import free_port

from edgeward.proxy.refetch import Refetcher, RefetchFailed

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(3000)


def request(path: str, **headers: str) -> http.Request:
    made = http.Request.make("GET", "http://img.test/", headers={"Host": "img.test", **headers})
    made.data.path = path.encode("latin-1")
    return made


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream().running() as running:
        yield running


@pytest.fixture
def refetcher(upstream: Upstream) -> Refetcher:
    return Refetcher(f"http://{upstream.address}", 10_000)


async def test_asks_for_the_whole_with_the_clients_headers(upstream: Upstream, refetcher: Refetcher) -> None:
    """Ranges and conditions are removed, the rest of the client's headers stays, and nothing of ours is added."""
    upstream.put("/a", JPEG, "Content-Type: image/jpeg")
    headers = {"Range": "bytes=5-", "If-None-Match": '"1"', "Cookie": "a=b", "Accept": "x/y"}
    full = await refetcher.fetch(request("/a", **headers))
    assert full.body == JPEG
    lines = {line.lower() for line in upstream.seen[0].strip().split(b"\r\n")[1:]}
    assert lines == {b"host: img.test", b"cookie: a=b", b"accept: x/y", b"connection: close"}


@pytest.mark.parametrize("path", ["/%7Ea/b%2Fc", "//a//b?x=%41&y=A", "/a?", "/a%C3%A9%20b", "/a/../b", "/\xe9#x"])
async def test_request_target_is_byte_exact(upstream: Upstream, refetcher: Refetcher, path: str) -> None:
    """No URL is normalized: the cache stores each form separately."""
    upstream.put(path, b"x")
    await refetcher.fetch(request(path))
    assert upstream.seen[0].split(b" ")[1] == path.encode("latin-1")


async def test_what_is_no_image_is_not_read(upstream: Upstream, refetcher: Refetcher) -> None:
    """A video is not read beyond its first bytes."""
    upstream.put("/v", b"\x00\x00\x00\x18ftypmp42" + bytes(2_000_000), "Content-Type: video/mp4")
    assert (await refetcher.fetch(request("/v"))).body is None


async def test_limits_and_failures(upstream: Upstream, refetcher: Refetcher) -> None:
    """Too large, incomplete, no answer: each is a failure; a part is never taken for the full response."""
    upstream.put("/large", b"\xff\xd8\xff" + bytes(20_000))
    upstream.put("/short", b"\xff\xd8\xff" + bytes(100), "Content-Length: 5000", "Connection: close")
    for path in ("/large", "/short"):
        with pytest.raises(RefetchFailed):
            await refetcher.fetch(request(path))
    unreachable = Refetcher(f"http://127.0.0.1:{free_port()}", 1000)
    with pytest.raises(RefetchFailed):
        await unreachable.fetch(request("/"))


@pytest.mark.parametrize("seconds", [0.2, 60])
async def test_a_slow_body(seconds: float) -> None:
    """It is read until its end, if that comes within the longest fetch, whatever the time for the headers."""

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(JPEG))
        for start in range(0, len(JPEG), 500):
            writer.write(JPEG[start : start + 500])
            await asyncio.sleep(0.2)
        writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        fetching = Refetcher(f"http://{host}:{port}", 10_000, seconds=seconds).fetch(request("/a"), 1.0)
        if seconds < 1:
            with pytest.raises(RefetchFailed):
                await fetching
        else:
            assert (await fetching).body == JPEG


async def test_an_answer_that_came_while_the_worker_stood_still_is_read() -> None:
    """It was there in time: only the worker was late."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(JPEG) + JPEG)
        time.sleep(1.5)  # the whole event loop
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        assert (await Refetcher(f"http://{host}:{port}", 10_000).fetch(request("/a"), 1.0)).body == JPEG


async def test_pages_are_read_if_images_are_looked_for_in_them(upstream: Upstream, refetcher: Refetcher) -> None:
    """Otherwise they are not judged."""
    upstream.put("/page", b"<p>" + bytes(500), "Content-Type: text/html")
    assert (await refetcher.fetch(request("/page"))).body is None
    full = await Refetcher(f"http://{upstream.address}", 10_000, data_uris=True).fetch(request("/page"))
    assert (full.body, full.declared) == (b"<p>" + bytes(500), "text/html")

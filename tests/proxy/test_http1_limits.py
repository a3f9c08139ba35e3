"""Limits on what HTTP/1 connections keep, and on the work that small chunks make."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import h11
import pytest
from h11._receivebuffer import ReceiveBuffer
from tests.proxy.conftest import StartWorker, Worker, read_reply
from tests.proxy.responses import ended

from edgeward.proxy.body_sniffing import BodySniffer
from edgeward.proxy.http1_limits import MAX_FIELDS, MAX_UNPARSED_BYTES, JoiningReader

ENDLESS = b"x" * (8 * MAX_UNPARSED_BYTES)


async def sent(worker: Worker, *pieces: bytes) -> bytes:
    """What the worker answers, until it closes the connection."""
    reader, writer = await asyncio.open_connection(*worker.address)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + ENDLESS,
        b"GET / HTTP/1.1\r\nX: " + ENDLESS,
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a:b\r\n" * (MAX_FIELDS + 1) + b"\r\n",
    ],
    ids=["target", "field", "fields"],
)
async def test_a_request_without_end_is_refused(worker: Worker, head: bytes) -> None:
    """Its head is not kept beyond a limit, whatever part of it is too long; nor are very many fields."""
    before = ended("client_head")
    answer = await sent(worker, head)
    assert answer[:12] in (b"HTTP/1.1 431", b"")  # b"": the answer was lost with what the client still sent
    assert ended("client_head") == before + 1
    assert worker.upstream.seen == []


async def test_requests_ahead_of_their_turn_are_bounded(worker: Worker) -> None:
    """A client that keeps sending requests while the first waits is cut off; a few requests are served in order."""
    few = b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n" * 3
    reader, writer = await asyncio.open_connection(*worker.address)
    writer.write(few)
    assert [(await read_reply(reader)).status for _ in range(3)] == [404] * 3
    writer.close()
    before = ended("client_ahead")
    worker.upstream.hold.clear()
    assert await sent(worker, few, ENDLESS) == b""
    assert ended("client_ahead") == before + 1


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("head", b"HTTP/1.1 200 OK\r\nX: " + ENDLESS),
        ("fields", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + b"a:b\r\n" * (MAX_FIELDS + 1) + b"\r\n"),
        ("chunk header", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + ENDLESS),
        ("trailers", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + ENDLESS),
    ],
)
async def test_a_response_without_end_is_refused(worker: Worker, kind: str, answer: bytes) -> None:
    """The upstream's head, chunk headers and trailers are not kept beyond a limit."""
    before = ended("upstream_head")
    worker.upstream.answers["GET /a"] = answer
    assert (await worker.get("/a")).status == 502
    assert ended("upstream_head") == before + 1


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """For each body that is sniffed, how many bytes all looks at it cost."""
    costs: list[int] = []
    take = BodySniffer.take

    def noted(sniffer: BodySniffer) -> bytes:
        costs.append(sniffer.examined)
        return take(sniffer)

    monkeypatch.setattr(BodySniffer, "take", noted)
    yield costs


def chunks_of_one(body: bytes) -> bytes:
    return b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"


@pytest.mark.parametrize("content_type", ["application/xml", "text/plain", "image/svg+xml"])
async def test_small_chunks_pass_unchanged(worker: Worker, examined: list[int], content_type: str) -> None:
    """A body in chunks of one byte arrives as it is, with little work."""
    body = b"<?xml version='1.0'?><!-- " + bytes(range(32, 127)).replace(b"-", b"") * 400 + b" --><a b='c'>text</a>"
    worker.upstream.put("/a", chunks_of_one(body), f"Content-Type: {content_type}", "Transfer-Encoding: chunked")
    assert (await worker.get("/a")).body == body
    assert all(cost < 2**20 + 10 * len(body) for cost in examined)


async def test_trailers_are_dropped(worker: Worker) -> None:
    """A response with trailers ends like any other, and so does the request on the same connection after it."""
    worker.upstream.put("/a", b"2\r\nhi\r\n0\r\nDigest: x\r\n\r\n", "Transfer-Encoding: chunked")
    reader, writer = await asyncio.open_connection(*worker.address)
    for _ in range(2):
        writer.write(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await asyncio.wait_for(read_reply(reader), 60)).body == b"hi"
    writer.close()


async def test_uploads_in_small_chunks_arrive(start_worker: StartWorker) -> None:
    """Of a request too, in fewer pieces."""
    got = bytearray()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.extend(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()

    async with await asyncio.start_server(upstream, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        worker = await start_worker(f"{host}:{port}")
        head = b"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await worker.raw(head + chunks_of_one(b"hello" * 1000))).body == b"ok"
    joined = re.sub(rb"[0-9a-f]+\r\n([a-z]*)\r\n", rb"\1", bytes(got.partition(b"\r\n\r\n")[2]))
    assert joined == b"hello" * 1000
    assert len(got) < 2 * 5000


def read_all(data: bytes) -> list[Any]:
    reader, buf, found = JoiningReader(), ReceiveBuffer(), list[Any]()
    buf += data
    while (event := reader(buf)) is not None:
        found.append(event)
        if isinstance(event, h11.EndOfMessage):
            break
    return found


def test_what_has_arrived_is_one_piece() -> None:
    """However many chunks it has, and whatever comes after it."""
    (data, end) = read_all(chunks_of_one(b"hello"))
    assert (data.data, end) == (b"hello", h11.EndOfMessage())
    assert [event.data for event in read_all(b"2\r\nhe\r\n3\r\nl")] == [b"hel"]


def test_data_before_an_error_is_not_lost() -> None:
    """The error comes after it."""
    reader, buf = JoiningReader(), ReceiveBuffer()
    buf += b"2\r\nhe\r\nnonsense\r\n"
    data = reader(buf)
    assert isinstance(data, h11.Data)
    assert data.data == b"he"
    with pytest.raises(h11.LocalProtocolError):
        reader(buf)

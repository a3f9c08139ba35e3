"""An origin that takes any bytes for a request, and answers as the resource of its target says."""

import asyncio
import contextlib
import re
import threading
from collections import defaultdict
from collections.abc import Callable
from email.utils import formatdate
from typing import Self

from tests.unknown_copies.resources import Resource, number_in, resource

_RANGE = re.compile(rb"(?im)^range:\s*bytes=(\d*)-(\d*)\s*$")
_HOST = re.compile(rb"(?im)^host:[ \t]*(.*?)[ \t]*\r?$")

_NOTHING = b"HTTP/1.1 404 Not Found\r\nCache-Control: no-store\r\nContent-Length: 4\r\n\r\n"


class SequenceOrigin:
    """Listens on a free port of 127.0.0.1, in a thread of its own.

    Args:
        other: answers requests for targets that are of no sequence, given head and target. None: nothing is there.

    Attributes:
        emptied: all resources are gone: each request for one is answered with an uncacheable 404.
        seen: by number, each (target, Host) that a request came with.
    """

    def __init__(self, seed: int, other: Callable[[bytes, bytes], bytes | None] = lambda *_: None) -> None:
        self._seed = seed
        self._other = other
        self.emptied = False
        self.seen: defaultdict[int, set[tuple[bytes, bytes | None]]] = defaultdict(set)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = started.result(30)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while await self._answer_next(reader, writer):
                await writer.drain()
        writer.close()

    async def _answer_next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request. Returns whether the connection goes on."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target = head.split(b" ", 2)[:2]
        await _skip_body(head, reader)
        number = number_in(target)
        if number is None or self.emptied:
            found = self._other(head, target) if number is None else None
            writer.write(found or (_NOTHING if method == b"HEAD" else _NOTHING + b"none"))
            return True
        host = _HOST.search(head)
        self.seen[number].add((target, host[1] if host else None))
        return await _answer(resource(self._seed, number), method, head, writer)


async def _skip_body(head: bytes, reader: asyncio.StreamReader) -> None:
    if found := re.search(rb"(?im)^content-length:\s*(\d+)", head):
        await reader.readexactly(int(found[1]))
    elif re.search(rb"(?im)^transfer-encoding:.*chunked", head):
        await reader.readuntil(b"0\r\n\r\n")


async def _answer(what: Resource, method: bytes, head: bytes, writer: asyncio.StreamWriter) -> bool:
    if what.silent:
        await asyncio.sleep(3600)
    await asyncio.sleep(what.delay)
    body, status, more = what.coded, what.status, b""
    if what.conditions and what.status == 200 and b"\r\nif-none-match: " + what.etag in head.lower():
        body, status = b"", 304
    elif what.ranges and what.status == 200 and (asked := _RANGE.search(head)) and any(asked.groups()):
        body, status, more = _part(what.coded, asked)
    framing = "length" if status == 304 else what.framing
    writer.write(_headers(what, status, more, framing, len(body)))
    if method != b"HEAD" and status != 304:
        half = len(what.first_half) if body is what.coded else len(body) // 2
        _write(writer, body[:half], framing)
        await writer.drain()
        await asyncio.sleep(what.stall)
        if what.breaks:
            writer.transport.abort()
            return False
        _write(writer, body[half:], framing)
        if framing == "chunked":
            writer.write(b"0\r\n\r\n")
    return framing != "close"


def _write(writer: asyncio.StreamWriter, piece: bytes, framing: str) -> None:
    if piece:
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if framing == "chunked" else piece)


def _part(body: bytes, asked: "re.Match[bytes]") -> tuple[bytes, int, bytes]:
    first, last = asked.groups()
    start = int(first) if first else len(body) - int(last)
    end = min(int(last), len(body) - 1) if first and last else len(body) - 1
    part = body[start : end + 1]
    return part, 206, b"Content-Range: bytes %d-%d/%d\r\n" % (start, end, len(body))


def _headers(what: Resource, status: int, more: bytes, framing: str, length: int) -> bytes:
    lines = [
        b"HTTP/1.1 %d Answer\r\n" % status,
        b"Date: %b\r\n" % formatdate(usegmt=True).encode(),
        b"ETag: %b\r\n" % what.etag,
        more,
    ]
    lines += [b"Last-Modified: Sun, 29 Nov 2020 12:00:00 GMT\r\n"]
    fields = ((b"Content-Type", what.media_type), (b"Cache-Control", what.lifetime), (b"Vary", what.vary))
    lines += [b"%b: %b\r\n" % field for field in fields if field[1]]
    if what.coded is not what.body:
        lines.append(b"Content-Encoding: gzip\r\n")
    if status == 301:
        lines.append(b"Location: /elsewhere\r\n")
    if status != 304:
        framings = {"length": b"Content-Length: %d\r\n" % length, "chunked": b"Transfer-Encoding: chunked\r\n"}
        lines.append(framings.get(framing, b"Connection: close\r\n"))
    return b"".join(lines) + b"\r\n"

"""Caches in front of an origin that keeps the head of each request: what Edgeward sees of a fetch in placement fill."""

import asyncio
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate

from mitmproxy.net.http import http1
from tests.caches.orders import order_for

from edgeward.caches import Purged, driver_for
from edgeward.demo.caches import CacheServer
from edgeward.proxy.request_host import reason_to_refuse, target_of_request, write_host
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import Target


class HeadRecorder(socketserver.ThreadingTCPServer):
    """An origin whose answers may be cached. It keeps the head of each request byte for byte."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.heads: list[bytes] = []


class _Exchange(socketserver.StreamRequestHandler):
    server: HeadRecorder

    def handle(self) -> None:
        lines: list[bytes] = []
        while line := self.rfile.readline():
            lines.append(line)
            if line == b"\r\n":
                self.server.heads.append(b"".join(lines))
                lines = []
                self.wfile.write(self._response())

    def _response(self) -> bytes:
        body = f"{len(self.server.heads)}"
        headers = f"Date: {formatdate(usegmt=True)}\r\nCache-Control: max-age=1000\r\nContent-Length: {len(body)}"
        return f"HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}".encode()


class RecordingEdge:
    """A cache with its shipped files, in front of a HeadRecorder."""

    def __init__(self, cache: CacheServer, origin: HeadRecorder) -> None:
        self.cache, self.origin = cache, origin

    def request(self, head: bytes) -> tuple[int, bytes | None]:
        """Send a request: (its status, the head that the cache sent to the origin for it, if any)."""
        before = len(self.origin.heads)
        with socket.create_connection(self.cache.address, timeout=60) as connection:
            connection.sendall(head)
            answer = b""
            while not _complete(answer) and (data := connection.recv(65536)):
                answer += data
        return int(answer.split(b" ", 2)[1]), next(iter(self.origin.heads[before:]), None)

    def purge(self, target: Target) -> Purged:
        async def run() -> Purged:
            driver = driver_for(parse_cache(self.cache.section("edge")))
            try:
                (purged,) = await driver.purge([order_for(target)])
            finally:
                await driver.close()
            return purged

        return asyncio.run(run())


def _complete(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None)
    return bool(end and length) and len(body) >= int(length.partition(b":")[2] if length else 0)


def target_seen(head: bytes) -> Target | None:
    """The target that Edgeward records for a request in fill; None where it refuses it."""
    try:
        request = http1.read_request_head(head.strip().split(b"\r\n"))
    except ValueError:
        return None
    request.scheme = "http"
    write_host(request, b"", in_front=False)
    return None if reason_to_refuse(request, None) else target_of_request(request)


@contextmanager
def recording_origin() -> Iterator[HeadRecorder]:
    """A running HeadRecorder."""
    origin = HeadRecorder()
    thread = threading.Thread(target=origin.serve_forever, daemon=True)
    thread.start()
    try:
        yield origin
    finally:
        origin.shutdown()
        origin.server_close()
        thread.join(5)

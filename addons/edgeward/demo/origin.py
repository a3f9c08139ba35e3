"""A small real HTTP/1.1 origin: serves bytes by path, with validators, ranges and delays, and counts requests."""

import email.utils
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Self

from edgeward.origin_check.origin import USER_AGENT

PROBE = "Edgeward-Demo-Probe"
"""A request with this header gets a 404 with no-store. Sent to a cache, it tells whether the cache holds a copy: it
either answers from the copy or passes on the 404. Such a request never fills the cache."""
MAX_PAUSE_SECONDS = 90.0

type Pause = float | Event
"""Seconds, or an event to wait for (at most MAX_PAUSE_SECONDS)."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What is served under one path. `thought`: pause before the response. `delay`: pause in the middle of the body."""

    body: bytes
    content_type: str | None = "image/jpeg"
    headers: Sequence[tuple[str, str]] = ()
    max_age: int = 3600
    chunked: bool = False
    delay: Pause = 0.0
    thought: Pause = 0.0
    status: int = 200
    modified: float = 1_700_000_000.0

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'

    @property
    def last_modified(self) -> str:
        return email.utils.formatdate(self.modified, usegmt=True)


class Origin:
    """The origin, on a free port of 127.0.0.1. Each connection has a thread."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.requests: Counter[tuple[str, str]] = Counter()
        """Number of requests by (method, path with query), without probes."""
        self.sweeps: Counter[str] = Counter()
        """Those of them with which Edgeward re-checks whether an image is still there, by path with query."""
        self._counting = Lock()
        origin = self

        class Handler(_Handler):
            site = origin

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def put(self, path: str, body: bytes, content_type: str | None = "image/jpeg", **more: object) -> Resource:
        """Serve these bytes under a path from now on. `more`: the other fields of Resource."""
        resource = Resource(body, content_type, **more)  # type: ignore[arg-type]
        self.resources[path] = resource
        return resource

    def resource(self, target: str) -> Resource | None:
        """The resource for a path with its query, else the one for the path with any query."""
        return self.resources.get(target) or self.resources.get(target.partition("?")[0])

    def count(self, path: str) -> int:
        """Requests for a path so far, with any method."""
        with self._counting:
            return sum(number for (_, target), number in self.requests.items() if target == path)

    def fetches(self, path: str) -> int:
        """Requests for a path so far, without re-checks by the sweep."""
        return self.count(path) - self.sweeps[path]

    def count_request(self, method: str, path: str, agent: str | None = None) -> None:
        with self._counting:
            self.requests[method, path] += 1
            self.sweeps[path] += agent == USER_AGENT

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that disconnect early are expected here: no traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "demo-origin"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 65536
    site: Origin

    def do_GET(self) -> None:
        if self.headers.get(PROBE):
            self._send(Resource(b"", None, [("Cache-Control", "no-store")], status=404))
            return
        self.site.count_request(self.command, self.path, self.headers.get("User-Agent"))
        resource = self.site.resource(self.path)
        if resource is None:
            self._send(Resource(b"nothing here\n", "text/plain", status=404, max_age=0))
        elif resource.status == 200 and self._unmodified(resource):
            self._send(resource, 304)
        elif resource.status == 200 and (span := self._requested_range(resource)):
            self._send(resource, 206, span)
        else:
            self._send(resource)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """Respond with the body of the request."""
        self.site.count_request(self.command, self.path)
        body = self._read()
        self._send(Resource(body, self.headers.get("Content-Type"), max_age=0))

    do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815

    def do_OPTIONS(self) -> None:
        """Respond with the headers of the request, in order, as JSON."""
        body = json.dumps(self.headers.items()).encode()
        self._send(Resource(body, "application/json", max_age=0))

    def _read(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _unmodified(self, resource: Resource) -> bool:
        if (tags := self.headers.get("If-None-Match")) is not None:
            return tags.strip() == "*" or resource.etag in tags
        return self.headers.get("If-Modified-Since") == resource.last_modified

    def _requested_range(self, resource: Resource) -> tuple[int, int] | None:
        """The requested range as (first, end); None for the whole body, which several ranges get too."""
        unit, _, text = self.headers.get("Range", "").partition("=")
        first, dash, last = text.partition("-")
        validators = (None, resource.etag, resource.last_modified)
        if unit != "bytes" or not dash or "," in text or self.headers.get("If-Range") not in validators:
            return None
        size = len(resource.body)
        if not first:
            return max(0, size - int(last)), size
        return (int(first), min(int(last) + 1, size) if last else size) if int(first) < size else None

    def _send(self, resource: Resource, status: int | None = None, span: tuple[int, int] | None = None) -> None:
        status = status or resource.status
        _wait(resource.thought)
        body = resource.body[slice(*span)] if span else resource.body
        self.send_response_only(status, HTTPStatus(status).phrase)
        for name, value in _headers(resource, status, span, len(body)):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self._send_body(body, resource)
        self.wfile.flush()

    def _send_body(self, body: bytes, resource: Resource) -> None:
        middle = len(body) // 2
        self._write(body[:middle], resource.chunked)
        if resource.delay:
            self.wfile.flush()
            _wait(resource.delay)
        self._write(body[middle:], resource.chunked)
        if resource.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _write(self, part: bytes, chunked: bool) -> None:
        if part:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are counted, not logged."""


def _wait(pause: Pause) -> None:
    if isinstance(pause, Event):
        pause.wait(MAX_PAUSE_SECONDS)
    else:
        time.sleep(pause)


def _headers(resource: Resource, status: int, span: tuple[int, int] | None, length: int) -> Iterator[tuple[str, str]]:
    yield "Date", email.utils.formatdate(usegmt=True)
    yield "Server", "demo-origin"
    if resource.content_type is not None:
        yield "Content-Type", resource.content_type
    if resource.status == 200:
        yield "Cache-Control", f"public, max-age={resource.max_age}"
        yield "Accept-Ranges", "bytes"
        yield "ETag", resource.etag
        yield "Last-Modified", resource.last_modified
    if span:
        yield "Content-Range", f"bytes {span[0]}-{span[1] - 1}/{len(resource.body)}"
    yield from resource.headers
    if resource.chunked:
        yield "Transfer-Encoding", "chunked"
    elif status not in (204, 304):
        yield "Content-Length", str(length)

"""A real HTTP server in place of the admin API, with responses that were recorded from the API."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from edgeward.cli.main import main

ENTRY = {
    "id": "0123456789abcdef0123",
    "list": "court",
    "type": "md5",
    "value": "9e107d9d372bb6826bd81d3542a419d6",
    "quality": None,
    "reason": "order 17",
    "added_by": "local",
    "added_at": 1767225600.5,
    "act": "act-0123456789abcdef",
}
HASH_LIST = {
    "name": "court",
    "kind": "block",
    "mode": "enforce",
    "action": "451",
    "radius": {"pdq": 31, "phash": 6, "dhash": 6, "pdq-dhash": 72},
    "description": "orders",
    "rotations": True,
    "geometry": False,
    "entries": 1,
    "not_matchable": {},
}
ACTIVE = {"version": 7, "active": True, "waiting_for": []}
PURGE = {
    "id": "1767225600000-0",
    "url": "http://host/a.jpg",
    "vary": {"accept": "image/webp"},
    "scope": "target",
    "tag": "",
    "cause": "listing",
    "started_at": 1767225600.5,
    "sha256": "ab" * 32,
    "entry": ENTRY["id"],
    "takedown": "",
    "why": "",
    "by": "local",
    "outcomes": {
        "varnish-1": {
            "delivery": "verified",
            "at": 1767225600.6,
            "attempts": 1,
            "status": 200,
            "detail": "",
            "removed": 2,
            "linger_seconds": 0.1,
        }
    },
    "owed": [],
}


NODE = {
    "verified": 2,
    "delivered": 0,
    "unsupported": 0,
    "refused": 0,
    "owed": 0,
    "not_known": 0,
    "forgotten": 0,
    "copies": 2,
    "met": {"removed": 2, "none": 0, "unknown": 0},
    "first_at": 1767225600.6,
    "last_at": 1767225600.7,
    "linger_seconds": 0.2,
}
GONE = {
    "orders": 2,
    "owed": {},
    "refused": {},
    "matched": True,
    "state": "gone",
    "statement": "At noon: gone.",
    "at": 1767225600.8,
    "verified": 2,
    "accepted": {},
    "not_known": {},
    "forgotten": {},
    "unknowns": [],
    "copies": 2,
    "met": {"removed": 2, "none": 0, "unknown": 0},
    "nodes": {"varnish-1": NODE},
}
"""What became of purges that one cache verified."""


@dataclass
class Request:
    """One request that the server received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Api:
    """The server. `answers`: responses by "METHOD path" without the query. `requests`: what it received."""

    url: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answer(self, route: str, body: Any, status: int = 200) -> None:
        """Respond with `body` as JSON, or with bytes unchanged."""
        self.answers[route] = status, body

    def problem(self, route: str, status: int, detail: str) -> None:
        self.answer(route, {"type": "about:blank", "title": "No", "status": status, "detail": detail}, status)


class Pages(dict[str, tuple[int, Any]]):
    """Answers of the API, in this order; then it is away. One with another status is (status, body)."""

    def __init__(self, *pages: Any) -> None:
        self.pages = list(pages)

    def __getitem__(self, _: str) -> tuple[int, Any]:
        if not self.pages:
            return 503, {}
        page = self.pages.pop(0)
        return page if isinstance(page, tuple) else (200, page)


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _respond(self) -> None:
            body = self._body()
            if self.path.startswith("/api/v1/uploads/"):  # the progress of an import: its id is not known before
                status, answer = 404, {"type": "about:blank", "title": "No", "status": 404}
            else:
                api.requests.append(Request(self.command, self.path, dict(self.headers), body))
                status, answer = api.answers[f"{self.command} {self.path.partition('?')[0]}"]
            payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_POST = do_PATCH = do_DELETE = _respond  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The server, with EDGEWARD_API and EDGEWARD_TOKEN set to it."""
    recorded = Api()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(recorded))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    recorded.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("EDGEWARD_API", recorded.url)
    monkeypatch.setenv("EDGEWARD_TOKEN", "ew_secret")
    yield recorded
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def replying(reply: bytes, hang_up: bool = False) -> Iterator[str]:
    """A server that sends `reply` after a request, or the beginning of one, then goes on reading or closes. Its URL."""

    def serve() -> None:
        peer, _ = server.accept()
        with peer:
            peer.recv(1 << 16)
            peer.sendall(reply)
            while not hang_up and peer.recv(1 << 20):
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def edgeward(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run a command in this process. Its errors are raised here."""

    def run(*argv: object) -> Ended:
        status = main([str(arg) for arg in argv])
        return Ended(status, *capsys.readouterr())

    return run


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, restored afterwards. A test must clear its handlers: pytest adds its own after fixtures ran."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    own = logging.getLogger("edgeward").level
    yield root
    root.handlers[:], root.level = handlers, level
    logging.getLogger("edgeward").setLevel(own)

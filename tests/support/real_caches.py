"""Real caches in front of a real origin, and helpers for tests that use them."""

import hashlib
import http.client
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.programs import require

from edgeward.demo.caches import CacheServer, Nginx, Squid, TrafficServer, Varnish
from edgeward.settings.cache_settings import CacheSettings, parse_cache
from edgeward.types import Fingerprint, Signal, Target


class Origin(ThreadingHTTPServer):
    """Answers each request with its serial number, cacheable.

    Words in the path change the answer: "vary" varies on Accept, "both" on Origin too; "slow" waits for `release`;
    "brief" is fresh for a second; "private" may not be stored, with "vary" only for who accepts WebP; "large" has
    300 kB; "ahead" is dated tomorrow. Answers below /tags/A,B/ have the tags A and B.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.serial = 0
        self.fetches: Counter[str] = Counter()
        self.counting = threading.Lock()
        self.arrived = threading.Event()
        self.release = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Origin

    def do_GET(self) -> None:
        with self.server.counting:
            self.server.serial += 1
            self.server.fetches[self.path] += 1
            serial = self.server.serial
        body = str(serial).encode().ljust(300_000 if "large" in self.path else 1)
        if "slow" in self.path:
            self.server.arrived.set()
            self.server.release.wait(60)
        self.send_response(200)
        self.send_header("Cache-Control", self._cache_control())
        self.send_header("Content-Length", str(len(body)))
        if "vary" in self.path:
            self.send_header("Vary", "Origin, Accept" if "both" in self.path else "Accept")
        if self.path.startswith("/tags/"):
            self.send_header("xkey", self.path.split("/")[2].replace(",", " "))
        self.end_headers()
        self.wfile.write(body)

    def _cache_control(self) -> str:
        if "private" in self.path and ("vary" not in self.path or self.headers["Accept"] == "image/webp"):
            return "no-store"
        return "max-age=1" if "brief" in self.path else "max-age=1000"

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(timestamp or time.time() + 86400 * ("ahead" in getattr(self, "path", "")))

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="session")
def origin() -> Iterator[Origin]:
    """The origin behind every cache."""
    server = Origin()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(scope="session")
def varnish(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    """A Varnish that the tests share; each uses paths of its own."""
    require("varnishd")
    with Varnish(tmp_path_factory.mktemp("varnish"), address_of(origin)) as cache:
        yield cache


@pytest.fixture(scope="session")
def nginx(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    """An nginx that the tests share; each uses paths of its own."""
    require("nginx")
    with Nginx(tmp_path_factory.mktemp("nginx"), address_of(origin)) as cache:
        yield cache


@pytest.fixture(scope="session")
def squid(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    """A Squid that the tests share; each uses paths of its own."""
    require("squid")
    with Squid(tmp_path_factory.mktemp("squid"), address_of(origin)) as cache:
        yield cache


@pytest.fixture(scope="session")
def trafficserver(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    """A Traffic Server that the tests share; each uses paths of its own."""
    require("traffic_server")
    with TrafficServer(tmp_path_factory.mktemp("trafficserver"), address_of(origin)) as cache:
        yield cache


@pytest.fixture
def cold(origin: Origin, tmp_path: Path) -> Iterator[Callable[..., CacheServer]]:
    """Makes caches for one test, not started: `cold(Varnish, secret="s")`."""
    made: list[CacheServer] = []

    def make(kind: type[CacheServer], secret: str = "") -> CacheServer:
        require(kind.program)
        made.append(kind(tmp_path / f"cache{len(made)}", address_of(origin), secret))
        return made[-1]

    yield make
    for cache in made:
        # Killed: an orderly end takes some of them seconds.
        cache.kill()


def address_of(server: ThreadingHTTPServer) -> tuple[str, int]:
    return "127.0.0.1", server.server_address[1]


def settings(cache: CacheServer, name: str = "edge", **more: object) -> CacheSettings:
    """The [[caches]] section for a running cache, which may stand still for a while on a busy machine."""
    patient = {"name": name, "driver": cache.driver, "url": cache.purge_url, "timeout_ms": 20_000}
    return parse_cache({**patient, **more})


def target(path: str, **vary: str) -> Target:
    return Target("http", "img.test", path, tuple(vary.items()))


def fetch(cache: CacheServer, path: str, accept: str = "*/*", host: str = "img.test") -> tuple[bytes, str]:
    """GET through the cache: (body, X-Cache)."""
    connection = http.client.HTTPConnection(*cache.address, timeout=60)
    try:
        connection.request("GET", path, headers={"Host": host, "Accept": accept})
        response = connection.getresponse()
        return response.read(), response.headers.get("X-Cache", "")
    finally:
        connection.close()


def fetch_raw(cache: CacheServer, path: bytes) -> tuple[int, bytes]:
    """GET a target byte for byte: (status, body)."""
    with socket.create_connection(cache.address, timeout=60) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: img.test\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def cached(cache: CacheServer, path: str, accept: str = "*/*") -> bool:
    """Whether the cache holds the path. The request makes the cache fetch it if not."""
    return fetch(cache, path, accept)[1] == "HIT"


def image(name: str, *more: Signal) -> Fingerprint:
    """A fingerprint with the SHA-256 of `name`, and `more` signals."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Fingerprint(digest, "image/jpeg", 1000, (Signal("sha256", digest), *more), 10, 10)

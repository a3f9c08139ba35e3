"""Responses with unusual Vary, through each real cache in both placements: after a listing whose answer says that its
images are gone, no client gets one, also not after a fetch that writes the cache's record of Vary anew.
"""

import socket
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.scenarios.pictures import picture
from tests.support.programs import require
from tests.unknown_copies.site import LIST, Site

from edgeward.demo.caches import SERVERS, CacheServer

type Headers = tuple[tuple[bytes, bytes], ...]

BODY = picture(5)
VARIES: dict[str, tuple[bytes, ...]] = {
    "none": (),
    "empty": (b"",),
    "any": (b"*",),
    "any-last": (b"Accept, *",),
    "any-first": (b"*, Accept",),
    "any-in-another-field": (b"Accept", b"*"),
    "space": (b"Acc ept",),
    "slash": (b"a/b, Accept",),
    "semicolons": (b";;",),
    "quoted": (b'"x", Accept',),
    "commas": (b"Accept,,X-Odd,", b","),
    "parameter": (b"Accept;q=1",),
    "repeated": (b"Accept, ACCEPT, accept",),
    "fields": (b"X-Odd", b"Accept"),
    "repeated-field": (b"Accept", b"accept"),
    "four": (b"X-Odd, Accept, Cookie, X-1",),
    "nine": (b", ".join(b"X-%d" % number for number in range(8)) + b", Accept",),
    "200": (b", ".join(b"X-%d" % number for number in range(200)),),
    "long": (b"X-" + b"l" * 3000 + b", Accept",),
    "latin-1": (b"X-\xe9, Accept",),
    "utf-8": ("X-é, X-Odd".encode(),),
    "host": (b"Host, Accept",),
    "cookie": (b"Cookie",),
    "authorization": (b"Authorization",),
    "user-agent": (b"User-Agent",),
    "connection": (b"Connection, X-Odd",),
    "range": (b"Range, X-Odd",),
    "conditions": (b"If-None-Match, If-Modified-Since",),
    "forwarded-for": (b"X-Forwarded-For",),
    "cache-control": (b"Cache-Control",),
    "our-own": (b"Edgeward-Forget, Edgeward-Secret",),
    "tabs": (b"Accept\t,\tX-Odd",),
}
CLIENTS: dict[str, Headers] = {
    "A": ((b"Accept", b"image/webp,*/*"), (b"X-Odd", b"1"), (b"Cookie", b"a=b"), (b"User-Agent", b"u"), (b"X-1", b"v")),
    "B": ((b"Accept", b"*/*"),),
    "C": ((b"Accept", b"*/*"), (b"X-Odd", b""), (b"X-Odd", b"z\xe9z"), (b"X-Forwarded-For", b"192.0.2.7")),
    "D": ((b"Accept", b"*/*"), (b"X-Odd", b"1"), (b"X-Odd", b"2"), (b"Authorization", b"Basic YTpi"),
          (b"Cookie", b"c=1"), (b"Cookie", b"d=2")),
}  # fmt: skip
LATER: Headers = ((b"Accept", b"image/png"), (b"X-Odd", b"later"))
NONE_LEFT = {"gone", "nothing", "accepted"}


class Origin(ThreadingHTTPServer):
    """Has an image for each client under /NAME, with the Vary of that name; nothing while `emptied`."""

    daemon_threads = True
    emptied = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Origin

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if self.server.emptied or name not in VARIES:
            head, body = b"HTTP/1.1 404 Not Found\r\nCache-Control: no-store\r\n", b""
        else:
            body = image(name, self.headers.get("X-Client", "B"))
            varies = b"".join(b"Vary: %b\r\n" % each for each in VARIES[name])
            head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nCache-Control: public, max-age=900\r\n" + varies
        date = self.date_time_string().encode()
        self.wfile.write(b"%bDate: %b\r\nContent-Length: %d\r\n\r\n%b" % (head, date, len(body), body))

    def log_message(self, *_: object) -> None:
        """Quiet."""


def image(name: str, client: str) -> bytes:
    return BODY + f"mark-{name}-{client}-mark".encode()


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def get(address: tuple[str, int], name: str, client: str, headers: Headers) -> bytes:
    """The response to one client, byte for byte."""
    fields = b"".join(b"%b: %b\r\n" % field for field in headers)
    head = f"GET /{name} HTTP/1.1\r\nHost: photos.example\r\nX-Client: {client}\r\n".encode()
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(head + fields + b"Connection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def cached(site: Site, name: str) -> set[str]:
    """The clients that get a listed image of this name from the cache itself."""
    found = set[str]()
    for client, headers in CLIENTS.items():
        answer = get(site.cache.address, name, client, headers)
        if any(image(name, each) in answer for each in CLIENTS):
            found.add(client)
    return found


@pytest.mark.parametrize("placement", ["front", "fill"])
@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.driver)
def test_no_variant_is_left_that_is_said_to_be_gone(
    origin: Origin, tmp_path: Path, kind: type[CacheServer], placement: str
) -> None:
    """Whatever Vary names. Where a cache cannot be asked for a variant, the answer does not say that it is gone."""
    require(kind.program)
    origin.emptied = False
    left: dict[str, tuple[str, set[str]]] = {}
    with Site(tmp_path, placement, kind, origin.server_address[1]) as site:
        for name in VARIES:
            for client, headers in CLIENTS.items():
                get(site.client_address, name, client, headers)
        origin.emptied = True
        stored = {name for name in VARIES if cached(site, name)}
        assert {"none", "host", "cookie", "fields"} <= stored
        states = {}
        for name in VARIES:
            hashes = [f"sha256:{sha256(image(name, client)).hexdigest()}" for client in CLIENTS]
            listed = site.edge.api("POST", f"/lists/{LIST}/entries?wait=verified&timeout=20", {"hashes": hashes})
            states[name] = listed["purge"]["state"]
            origin.emptied = False
            get(site.cache.address, name, "later", LATER)
            origin.emptied = True
            if found := cached(site, name):
                left[name] = states[name], found
        assert {name: each for name, each in left.items() if each[0] in NONE_LEFT} == {}
        # These every cache can be purged of, and the answer must say so.
        usual = {"none", "fields", "repeated", "four", "cookie", "user-agent", "tabs", "commas", "host"}
        assert {states[name] for name in usual & stored} == {"gone"}
        if kind.driver != "squid":
            assert set(states.values()) <= {"gone", "nothing"}

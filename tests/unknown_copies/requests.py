"""Sequences of requests for one resource: methods, spellings, forms of Host, headers, and clients that break off."""

import random
from dataclasses import dataclass, replace

from tests.unknown_copies.resources import path_of

METHODS = (b"GET",) * 14 + (b"HEAD",) * 4 + (b"POST", b"OPTIONS", b"PUT", b"TRACE", b"get")
VERSIONS = (b"HTTP/1.1",) * 9 + (b"HTTP/1.0",)
HOST = b"photos.example"
HOSTS: tuple[bytes | None, ...] = (
    *(HOST,) * 14, b"Photos.EXAMPLE", b"photos.example:80", b"photos.example:8080", b"photos.example.",
    b"photos.example..",
    b"photos.example:80:80", b"photos.example.:80", b"photos.example:", b"photos.example:080", b"127.0.0.1", b"[::1]",
    b"[::1]:80", None, b"", b" ", b"a b", b"b\xfccher.example", "bücher.example".encode(), b"xn--bcher-kva.example",
    b"user@photos.example", b"photos.example/p", b"photos_example", b"photos%2eexample", b".", b"..", b":80", b"-",
    b"photos.example,other.example", b"other.example",
)  # fmt: skip
"""None: no Host at all."""
HEADERS = (
    b"", b"", b"", b"", b"Accept: image/webp,*/*\r\n", b"Accept: image/png\r\n", b"Accept-Encoding: gzip\r\n",
    b"X-Odd: 1\r\n",
    b"X-Odd: \xe9\r\n", b"Range: bytes=0-9\r\n", b"Range: bytes=5-\r\n", b"Range: bytes=0-1,4-5\r\n",
    b"Range: bytes=-4\r\n",
    b"If-None-Match: *\r\n", b'If-None-Match: "e1"\r\n', b"If-Modified-Since: Mon, 30 Nov 2026 00:00:00 GMT\r\n",
    b"Cache-Control: no-cache\r\n", b"Cache-Control: no-store\r\n", b"Pragma: no-cache\r\n",
    b"Origin: https://a.example\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Expect: 100-continue\r\n",
    b"X-Forwarded-Host: other.example\r\n",
    b"Cookie: a=b\r\n", b"Authorization: Basic YTpi\r\n", b"TE: trailers\r\n",
)  # fmt: skip
BREAKS = (None,) * 12 + ("half", "sent", "soon", "later", "headers", "shut")
"""When the client leaves: in the middle of its request, as soon as it is sent, after 2 or 30 ms, after the first bytes
of the answer; "shut": it only ends its own direction."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as bytes. `absolute`: the authority of an absolute-form target, None: origin-form."""

    method: bytes
    target: bytes
    version: bytes
    host: bytes | None
    headers: bytes
    absolute: bytes | None = None
    leaves: str | None = None

    def encode(self) -> bytes:
        target = self.target if self.absolute is None else b"http://" + self.absolute + self.target
        host = b"" if self.host is None else b"Host: " + self.host + b"\r\n"
        body = b"Content-Length: 2\r\n\r\nhi" if self.method in (b"POST", b"PUT") else b"\r\n"
        return b"%b %b %b\r\n%b%bConnection: close\r\n%b" % (
            self.method, target, self.version, host, self._headers, body,
        )  # fmt: skip

    @property
    def _headers(self) -> bytes:
        # One Connection header, or the answer would not end with the connection.
        return self.headers.replace(b"Connection: Upgrade\r\n", b"")

    def probe(self) -> "Request":
        """The same as a plain GET of the whole: it shows what is stored."""
        kept = [line for line in self._headers.split(b"\r\n") if line.startswith((b"Accept", b"X-Odd", b"Origin"))]
        headers = b"".join(line + b"\r\n" for line in kept)
        return replace(self, method=b"GET", headers=headers, leaves=None)


def sequence(seed: int, number: int) -> list[Request]:
    """One to four requests for the resource of this number; the same for the same seed."""
    draw = random.Random(f"{seed} requests {number}")
    return [_request(draw, number) for _ in range(draw.choice((1, 1, 2, 2, 3, 4)))]


def _request(draw: random.Random, number: int) -> Request:
    host = draw.choice(HOSTS)
    absolute = draw.choice((HOST, host or HOST, b"other.example")) if draw.random() < 0.06 else None
    headers = b"".join(sorted({draw.choice(HEADERS), draw.choice(HEADERS)}))
    return Request(
        draw.choice(METHODS),
        _target(draw, path_of(number)),
        draw.choice(VERSIONS),
        host,
        headers,
        absolute,
        draw.choice(BREAKS),
    )


def _target(draw: random.Random, path: bytes) -> bytes:
    """The path in one of the forms that clients and caches take for it, or for one beside it."""
    if draw.random() < 0.5:
        return path
    word = b"%x" % draw.randrange(1 << 40)
    return draw.choice(
        (
            path + b"?" + word, path + b"?", path + b"??", path + b"?q=" + word * 200, path + b"?q=\xc3\xa9",
            path + b"?q=%C3%A9", path + b"?q=%c3%a9", path + b";p=" + word, path + b"#" + word, path + b"\xe9",
            path + b"/",
            path.replace(b"s", b"%73"), path.replace(b"/p/", b"//p/"), path.replace(b"/p/", b"/p//"),
            path.replace(b"/p/", b"/./p/"), path.replace(b"/p/", b"/a/../p/"), path.replace(b"/p/", b"/%2e%2e/p/"),
            path.replace(b"/p/", b"/P/"), path.replace(b"/p/", b"\\p\\"), path.replace(b"/p/", b"/p%2F"),
            path.replace(b"/p/", b"/p/" + word * 60 + b"/"), path + b"?" + word * 3_000, path + b"%00", path + b"%",
            path + b"?a|b^c`d", path + b"\x7f", path + b"?\xff\xfe",
        )
    )  # fmt: skip

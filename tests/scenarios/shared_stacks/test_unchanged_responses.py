"""Everything else passes byte for byte: bodies, and headers with their order and letter case."""

import gzip
import http.client
import random
from typing import Any

import pytest
from tests.scenarios.pictures import fresh, picture

from edgeward.demo.http_client import HttpResponse, ask
from edgeward.demo.stack import Stack

SIZES = [0, 1, 2, 100, 511, 512, 513, 1024, 65_535, 65_536, 1_000_003, 8 * 1024 * 1024]


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _same(edge: HttpResponse, origin: HttpResponse) -> None:
    assert (edge.status, edge.body) == (origin.status, origin.body)
    without_date = [[h for h in answer.headers if h[0] != "Date"] for answer in (edge, origin)]
    assert without_date[0] == without_date[1]


def _both(stack: Stack, path: str, method: str = "GET", **more: Any) -> None:
    """Edgeward answers as its upstream, the origin, does."""
    _same(ask(stack.edge.proxy, path, method, **more), ask(stack.origin.address, path, method, **more))


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", SIZES)
def test_bodies_of_all_sizes(fill: Stack, size: int, chunked: bool) -> None:
    """A body that is not an image passes, whatever its size and framing."""
    fill.origin.put("/noise", _noise(size), "application/octet-stream", chunked=chunked)
    _both(fill, "/noise")


@pytest.mark.parametrize("size", [(64, 48), (640, 480), (4000, 3000)])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_clean_images(fill: Stack, form: str, size: tuple[int, int]) -> None:
    """Unlisted images pass with all headers, the first time and when their fingerprint is known."""
    body = picture(7, form, size)
    fill.origin.put("/clean", body, f"image/{form.lower()}", headers=[("X-Odd-CASE", "Kept"), ("Vary", "Accept")])
    _both(fill, "/clean")
    _both(fill, "/clean")


def test_an_image_of_8_megabytes(fill: Stack) -> None:
    """A large image is buffered, judged and passed on."""
    body = fresh(size=(480, 360)).body
    fill.origin.put("/large", body + _noise(8 * 1024 * 1024 - len(body)))
    _both(fill, "/large")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_clean_image_in_chunks(fill: Stack, chunked: bool) -> None:
    """The framing of an image's body does not change."""
    fill.origin.put("/framed", picture(8), chunked=chunked)
    _both(fill, "/framed")


@pytest.mark.parametrize("status", [200, 204, 301, 404, 418, 500])
def test_statuses_and_repeated_headers(fill: Stack, status: int) -> None:
    """Any status passes with its body; two cookies stay two headers, and the location is unchanged."""
    headers = [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2; Path=/"),
        ("Location", "/else where?x=%41"),
        ("x-lower", "1"),
    ]
    body = b"" if status == 204 else b"<p>hello"
    fill.origin.put("/status", body, "text/html; charset=latin-1", headers=headers, status=status)
    _both(fill, "/status")


def test_text_that_is_coded(fill: Stack) -> None:
    """A page with a content coding passes unchanged."""
    body = gzip.compress(b"<p>hello</p>" * 1000)
    fill.origin.put("/page", body, "text/html", headers=[("Content-Encoding", "gzip")])
    _both(fill, "/page", headers={"Accept-Encoding": "gzip"})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_what_clients_send(fill: Stack, method: str, size: int) -> None:
    """Uploads arrive unchanged, and so do their answers."""
    body = _noise(size)
    answer = ask(fill.edge.proxy, "/upload", method, {"Content-Type": "application/x-odd"}, body)
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, body, "application/x-odd")


def test_an_upload_of_8_megabytes(fill: Stack) -> None:
    """Large uploads pass."""
    body = _noise(8 * 1024 * 1024)
    assert ask(fill.edge.proxy, "/upload", "POST", body=body).body == body


def test_an_upload_in_chunks(fill: Stack) -> None:
    """A chunked upload arrives complete."""
    coded = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (b"a" * 10, b"b" * 5000, b"c")) + b"0\r\n\r\n"
    answer = ask(fill.edge.proxy, "/upload", "POST", {"Transfer-Encoding": "chunked"}, coded)
    assert answer.body == b"a" * 10 + b"b" * 5000 + b"c"


def test_the_clients_headers_arrive_as_they_were(fill: Stack) -> None:
    """Names, letter case, order and repetition of the request's headers reach the origin."""
    headers = {"X-UPPER": "1", "accept": "image/*", "Cookie": "a=1; b=2", "X-Latin": "gr\u00fc\u00df"}
    _both(fill, "/echo", "OPTIONS", headers=headers)


@pytest.mark.parametrize("target", ["/%7Ea//b/../c?x=%41&y=a+b", "/a%2Fb?", "/?q=1&q=2", "/%C3%A9%00", "/;p=1"])
def test_the_request_target_arrives_byte_for_byte(fill: Stack, target: str) -> None:
    """Unusual forms of a path are not normalised."""
    ask(fill.edge.proxy, target)
    assert fill.origin.requests["GET", target] == 1


def test_many_requests_on_one_connection(fill: Stack) -> None:
    """A keep-alive connection serves unlisted, listed, partial and other responses in turn, and stays open."""
    clean, listed = fresh(), fresh()
    for photo in (clean, listed):
        fill.serve(photo)
    fill.origin.put("/plain", b"plain", "text/plain")
    fill.edge.add_image("removed", listed.body)
    connection = http.client.HTTPConnection(fill.edge.proxy, timeout=60)
    connection.connect()
    connection.auto_open = 0  # else it would hide a connection that was closed
    requests = [
        *((clean.path, {}, 200), (listed.path, {}, 451), ("/plain", {}, 200)),
        *((listed.path, {"Range": "bytes=0-9"}, 451), (listed.path, {"If-None-Match": "*"}, 451)),
        *((clean.path, {"Range": "bytes=0-9"}, 206), (f"{clean.path}?new", {"Range": "bytes=0-9999"}, 200)),
        *((f"{listed.path}?new", {"Range": "bytes=0-9999"}, 451), (f"{listed.path}?more", {}, 451)),
        (clean.path, {}, 200),
    ]
    for path, headers, status in requests:
        connection.request("GET", path, headers={"Host": "photos.example", **headers})
        response = connection.getresponse()
        body = response.read()
        assert response.status == status, path
        whole = {"/plain": b"plain", clean.path: clean.body, f"{clean.path}?new": clean.body}.get(path, body)
        assert body == (whole[:10] if status == 206 else whole)
    connection.close()

"""Everything else passes byte for byte: bodies, and headers in their order and letter case."""

import gzip
import http.client
import random
from typing import Any

import pytest
from tests.scenarios.pictures import fresh, picture

from edgeward.demo.answer import Answer, ask
from edgeward.demo.stage import Stage

SIZES = [0, 1, 2, 100, 511, 512, 513, 1024, 65_535, 65_536, 1_000_003, 8 * 1024 * 1024]


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _same(edge: Answer, origin: Answer) -> None:
    assert (edge.status, edge.body) == (origin.status, origin.body)
    without_date = [[h for h in answer.headers if h[0] != "Date"] for answer in (edge, origin)]
    assert without_date[0] == without_date[1]


def _both(stage: Stage, path: str, method: str = "GET", **more: Any) -> None:
    """What Edgeward gives is what its upstream, the origin, gives."""
    _same(ask(stage.edge.proxy, path, method, **more), ask(stage.origin.address, path, method, **more))


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", SIZES)
def test_bodies_of_all_sizes(fill: Stage, size: int, chunked: bool) -> None:
    """Bytes that are no image pass, whatever their number and framing."""
    fill.origin.put("/noise", _noise(size), "application/octet-stream", chunked=chunked)
    _both(fill, "/noise")


@pytest.mark.parametrize("size", [(64, 48), (640, 480), (4000, 3000)])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_clean_images(fill: Stage, form: str, size: tuple[int, int]) -> None:
    """Images that are not listed pass with all their headers, the first time and when they are known."""
    body = picture(7, form, size)
    fill.origin.put("/clean", body, f"image/{form.lower()}", headers=[("X-Odd-CASE", "Kept"), ("Vary", "Accept")])
    _both(fill, "/clean")
    _both(fill, "/clean")


def test_an_image_of_8_megabytes(fill: Stage) -> None:
    """A large image is buffered, judged and passed on."""
    body = fresh(size=(480, 360)).body
    fill.origin.put("/large", body + _noise(8 * 1024 * 1024 - len(body)))
    _both(fill, "/large")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_clean_image_in_chunks(fill: Stage, chunked: bool) -> None:
    """The framing of an image's body stays what it was."""
    fill.origin.put("/framed", picture(8), chunked=chunked)
    _both(fill, "/framed")


@pytest.mark.parametrize("status", [200, 204, 301, 404, 418, 500])
def test_statuses_and_repeated_headers(fill: Stage, status: int) -> None:
    """Any status passes with its body; cookies stay two headers, the location stays as it is."""
    headers = [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2; Path=/"),
        ("Location", "/else where?x=%41"),
        ("x-lower", "1"),
    ]
    body = b"" if status == 204 else b"<p>hello"
    fill.origin.put("/status", body, "text/html; charset=latin-1", headers=headers, status=status)
    _both(fill, "/status")


def test_text_that_is_coded(fill: Stage) -> None:
    """A coded page is neither decoded nor recoded."""
    body = gzip.compress(b"<p>hello</p>" * 1000)
    fill.origin.put("/page", body, "text/html", headers=[("Content-Encoding", "gzip")])
    _both(fill, "/page", headers={"Accept-Encoding": "gzip"})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_what_clients_send(fill: Stage, method: str, size: int) -> None:
    """Uploads arrive as they were sent, and their answers come back."""
    body = _noise(size)
    answer = ask(fill.edge.proxy, "/upload", method, {"Content-Type": "application/x-odd"}, body)
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, body, "application/x-odd")


def test_an_upload_of_8_megabytes(fill: Stage) -> None:
    """Large uploads pass."""
    body = _noise(8 * 1024 * 1024)
    assert ask(fill.edge.proxy, "/upload", "POST", body=body).body == body


def test_an_upload_in_chunks(fill: Stage) -> None:
    """A chunked upload arrives whole."""
    coded = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (b"a" * 10, b"b" * 5000, b"c")) + b"0\r\n\r\n"
    answer = ask(fill.edge.proxy, "/upload", "POST", {"Transfer-Encoding": "chunked"}, coded)
    assert answer.body == b"a" * 10 + b"b" * 5000 + b"c"


def test_the_clients_headers_arrive_as_they_were(fill: Stage) -> None:
    """Names, letter case, order and repetition of the request's headers reach the origin."""
    headers = {"X-UPPER": "1", "accept": "image/*", "Cookie": "a=1; b=2", "X-Latin": "gr\u00fc\u00df"}
    _both(fill, "/echo", "OPTIONS", headers=headers)


@pytest.mark.parametrize("target", ["/%7Ea//b/../c?x=%41&y=a+b", "/a%2Fb?", "/?q=1&q=2", "/%C3%A9%00", "/;p=1"])
def test_the_request_target_arrives_byte_for_byte(fill: Stage, target: str) -> None:
    """Odd spellings of a path are not normalised."""
    ask(fill.edge.proxy, target)
    assert fill.origin.requests["GET", target] == 1


def test_many_requests_on_one_connection(fill: Stage) -> None:
    """A kept-alive connection serves clean, listed, partial and plain answers in turn, each whole, and stays open."""
    clean, listed = fresh(), fresh()
    for photo in (clean, listed):
        fill.serve(photo)
    fill.origin.put("/plain", b"plain", "text/plain")
    fill.edge.add_image("removed", listed.body)
    connection = http.client.HTTPConnection(fill.edge.proxy, timeout=60)
    connection.connect()
    connection.auto_open = 0  # else it would hide a connection that was closed
    questions = [
        *((clean.path, {}, 200), (listed.path, {}, 451), ("/plain", {}, 200)),
        *((listed.path, {"Range": "bytes=0-9"}, 451), (listed.path, {"If-None-Match": "*"}, 451)),
        *((clean.path, {"Range": "bytes=0-9"}, 206), (f"{clean.path}?new", {"Range": "bytes=0-9999"}, 200)),
        *((f"{listed.path}?new", {"Range": "bytes=0-9999"}, 451), (f"{listed.path}?more", {}, 451)),
        (clean.path, {}, 200),
    ]
    for path, headers, status in questions:
        connection.request("GET", path, headers={"Host": "photos.example", **headers})
        response = connection.getresponse()
        body = response.read()
        assert response.status == status, path
        whole = {"/plain": b"plain", clean.path: clean.body, f"{clean.path}?new": clean.body}.get(path, body)
        assert body == (whole[:10] if status == 206 else whole)
    connection.close()

"""An upstream that is down or breaks off: the error discloses nothing about what is behind Edgeward."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.scenarios.pictures import picture
from tests.support.programs import require

from edgeward.demo.edge import Edge, free_address
from edgeward.demo.http_client import HttpResponse, ask


@pytest.fixture(scope="module")
def upstream() -> str:
    return free_address()


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, upstream: str) -> Iterator[Edge]:
    require("redis-server")
    settings = {"proxy": {"upstream": f"http://{upstream}", "workers": 1}, "hashing": {"processes": 1}}
    with Edge(Path(tmp_path_factory.mktemp("down")), settings) as running:
        yield running


def _discloses_nothing(answer: HttpResponse, upstream: str) -> bool:
    text = repr(answer.headers) + answer.body.decode(errors="replace")
    banners = ("mitmproxy", "127.0.0.1", upstream.rpartition(":")[2], "Errno", "Traceback", "Server")
    return not any(banner in text for banner in banners)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_no_upstream(edge: Edge, upstream: str, method: str) -> None:
    """502 without internal addresses, error messages or version banners, and not cacheable."""
    answer = ask(edge.proxy, "/photo.jpg", method, body=b"x" if method == "POST" else None)
    assert (answer.status, answer.header("Cache-Control")) == (502, "no-store")
    assert _discloses_nothing(answer, upstream), (answer.headers, answer.body)


def test_conditions_and_ranges_without_an_upstream(edge: Edge, upstream: str) -> None:
    """Fetches that Edgeward makes itself fail in the same way."""
    for headers in ({"Range": "bytes=0-9"}, {"If-None-Match": '"x"'}):
        answer = ask(edge.proxy, "/photo.jpg", headers=headers)
        assert answer.status == 502
        assert _discloses_nothing(answer, upstream)


@contextmanager
def _serving(address: str, pieces: list[bytes]) -> Iterator[None]:
    """A server that answers every connection with these pieces and closes it.

    There may be several: Edgeward itself fetches again what an earlier test left incomplete.
    """
    host, _, port = address.rpartition(":")
    listener = socket.create_server((host, int(port)))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection = listener.accept()[0]
                with connection, suppress(OSError):
                    connection.recv(65536)
                    for piece in pieces:
                        connection.sendall(piece)

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 100000\r\n\r\n", picture(1)[:9000]],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2000\r\n", picture(1)[:5000]],
        [b"HTTP/1.1 200 OK\r\nContent-Le"],
        [b"\x16\x03\x01\x00\x00"],
    ],
    ids=["short body", "broken chunk", "broken head", "no HTTP"],
)
def test_an_incomplete_answer(edge: Edge, upstream: str, pieces: list[bytes]) -> None:
    """An incomplete image is never judged: the client gets 502, and none of its bytes."""
    with _serving(upstream, pieces):
        answer = ask(edge.proxy, "/photo.jpg")
    assert answer.status == 502
    assert picture(1)[:100] not in answer.body
    assert _discloses_nothing(answer, upstream), (answer.headers, answer.body)


def test_responses_pass_once_the_upstream_is_back(edge: Edge, upstream: str) -> None:
    """The next answer of a healthy upstream passes."""
    body = picture(2)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body)
    with _serving(upstream, [head, body]):
        answer = ask(edge.proxy, "/photo.jpg")
    assert (answer.status, answer.body) == (200, body)


def test_it_is_counted_and_logged(edge: Edge, upstream: str) -> None:
    """As an error, and not as a block; one line says so, and one that it is over."""
    before = edge.metric('edgeward_responses_total{reason="upstream_error",verdict="error"}')
    for _ in range(20):
        assert ask(edge.proxy, "/photo.jpg").status == 502
    assert edge.metric('edgeward_responses_total{reason="upstream_error",verdict="error"}') == before + 20
    assert edge.metric('edgeward_responses_total{reason="upstream_error",verdict="block"}') == 0
    with _serving(upstream, [b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"]):
        ask(edge.proxy, "/nothing")
    log = edge.log.read_text()
    assert log.count("proxy.upstream can't be reached") >= 1
    assert log.count("proxy.upstream can't be reached") < 10
    assert "proxy.upstream answers again" in log

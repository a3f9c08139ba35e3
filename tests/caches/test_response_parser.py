"""Reading HTTP/1.1 responses as their bytes arrive."""

import pytest

from edgeward.caches.response_parser import MAX_HEAD_BYTES, HttpResponse, InvalidResponse, ResponseParser

COUNTED = b"HTTP/1.1 404 Not Found\r\nX-Purged: 0\r\nContent-Length: 4\r\n\r\ngone"
CHUNKED = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           b"3;x=y\r\nabc\r\n0B\r\nhello world\r\n0\r\nTrailer: t\r\n\r\n")  # fmt: skip
BARE = b"HTTP/1.1 204 No Content\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def read(data: bytes, *expected: tuple[str, int], step: int = 1 << 20) -> list[HttpResponse]:
    parser = ResponseParser()
    for method, keep in expected:
        parser.expect(method, keep)
    return [answer for at in range(0, len(data), step) for answer in parser.feed(data[at : at + step])]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1 << 20])
def test_responses_in_a_row(step: int) -> None:
    """However the bytes are split, each response gets its own status, headers and body."""
    data = COUNTED + CHUNKED + BARE + INTERIM + COUNTED
    responses = read(data, ("GET", 100), ("GET", 100), ("PURGE", 100), ("GET", 0), step=step)
    assert [(response.status, response.body) for response in responses] == [
        (404, b"gone"), (200, b"abchello world"), (204, b""), (404, b"")]  # fmt: skip
    assert responses[0].headers["x-purged"] == "0"


def test_a_response_to_head_has_no_body() -> None:
    """A response to HEAD has no body, whatever length it states."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    assert [answer.status for answer in read(head + COUNTED, ("HEAD", 0), ("GET", 0))] == [200, 404]


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"]
)
def test_a_body_without_a_length_ends_with_the_connection(head: bytes) -> None:
    """Without length and chunks the end of the connection ends the body, and nothing can follow."""
    parser = ResponseParser()
    parser.expect("GET", 100)
    assert parser.feed(head + b"all of it") == []
    (answer,) = parser.end()
    assert (answer.body, parser.reusable) == (b"all of it", False)


def test_repeated_headers_are_joined() -> None:
    """All lines of a repeated header are kept."""
    (answer,) = read(b"HTTP/1.1 204 X\r\nA: 1\r\na:2\r\n\r\n", ("GET", 0))
    assert answer.headers == {"a": "1, 2"}


@pytest.mark.parametrize("connection", [b"close", b"Keep-Alive, Close"])
def test_a_connection_that_closes_is_not_used_again(connection: bytes) -> None:
    """`Connection: close` says that nothing follows."""
    parser = ResponseParser()
    parser.expect("GET", 0)
    parser.feed(b"HTTP/1.1 204 X\r\nConnection: " + connection + b"\r\n\r\n")
    assert not parser.reusable


def test_unrequested_bytes_end_the_connection() -> None:
    """Bytes after the last expected response belong to no request."""
    parser = ResponseParser()
    parser.expect("GET", 0)
    assert len(parser.feed(COUNTED + COUNTED)) == 1
    assert not parser.reusable


@pytest.mark.parametrize(
    "data",
    [
        b"SMTP ready\r\n\r\n", b"HTTP/1.1 ok\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 X\r\n\r\n", b"HTTP/2 200\r\n\r\n", b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 5000,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n", INTERIM * 50, b"x" * (MAX_HEAD_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101,
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_invalid_responses(data: bytes, step: int) -> None:
    """Garbage, contradictions and bodies that are too long raise InvalidResponse, however the bytes are split."""
    with pytest.raises(InvalidResponse):
        read(data, ("GET", 100), step=100 if len(data) > 2000 else step)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CHUNKED[:-3], COUNTED[:20]])
def test_a_response_that_breaks_off(data: bytes) -> None:
    """A connection that ends inside a response has not completed it."""
    parser = ResponseParser()
    parser.expect("GET", 100)
    parser.feed(data)
    with pytest.raises(EOFError):
        parser.end()


def test_a_dropped_body_takes_no_memory() -> None:
    """A body that is not kept is dropped as it arrives, however long it is."""
    parser = ResponseParser()
    parser.expect("GET", 0)
    parser.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(100):
        parser.feed(bytes(1 << 20))
        assert parser.buffered == 0
    assert parser.end()[0].body == b""
    assert parser.buffered == 0

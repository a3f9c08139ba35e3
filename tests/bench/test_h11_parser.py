"""Both parsers of the benchmark do the same work."""

import pytest
from tests.bench.h11_parser import H11Parser
from tests.bench.response_parsing import RESPONSE

from edgeward.caches.response_parser import HttpResponse, InvalidResponse, ResponseParser

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Tag: a\r\nX-Tag: b\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
CLOSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def read(parser: ResponseParser | H11Parser, data: bytes, keeps: list[int], size: int) -> list[HttpResponse]:
    """All responses of `data`, which arrives in pieces of `size` bytes. `keeps`: bytes to keep of each body."""
    for keep in keeps:
        parser.expect("PURGE", keep)
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    return [response for piece in pieces for response in parser.feed(piece)]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_both_parsers_return_the_same(size: int) -> None:
    """Pipelined responses, sized and chunked, kept and dropped, however their bytes arrive."""
    data, keeps = RESPONSE * 3 + SIZED + SIZED + CHUNKED + CLOSING, [0, 0, 0, 5, 0, 5, 0]
    by_hand, by_h11 = ResponseParser(), H11Parser()

    responses = read(by_h11, data, keeps, size)

    assert responses == read(by_hand, data, keeps, size)
    assert [response.status for response in responses] == [404, 404, 404, 200, 200, 200, 404]
    assert responses[0].headers["x-purged"] == "0"
    assert [response.body for response in responses[3:6]] == [b"hello", b"", b"hello"]
    assert responses[3].headers["x-tag"] == "a, b"
    assert by_hand.reusable is by_h11.reusable is False


@pytest.mark.parametrize("parser", [ResponseParser, H11Parser])
def test_both_parsers_refuse_the_same(parser: type[ResponseParser] | type[H11Parser]) -> None:
    """What is not HTTP and a body beyond its limit are errors; so is an end within a response."""
    with pytest.raises(InvalidResponse):
        read(parser(), b"SSH-2.0-OpenSSH_9.2\r\n\r\n", [0], 100)
    with pytest.raises(InvalidResponse):
        read(parser(), SIZED, [4], 100)
    cut = parser()
    read(cut, SIZED[:-1], [5], 100)
    with pytest.raises(EOFError):
        cut.end()


@pytest.mark.parametrize("parser", [ResponseParser, H11Parser])
def test_both_parsers_count_what_is_expected(parser: type[ResponseParser] | type[H11Parser]) -> None:
    """A connection stays usable after the responses that were expected, and not after one too many."""
    exact, surplus = parser(), parser()

    assert len(read(exact, RESPONSE * 2, [0, 0], 100)) == 2
    assert exact.reusable
    assert len(read(surplus, RESPONSE * 2, [0], 10_000)) == 1
    assert not surplus.reusable


def test_h11_parser_takes_no_head() -> None:
    """Without the request h11 would wait for the body of a response to HEAD."""
    with pytest.raises(ValueError, match="HEAD"):
        H11Parser().expect("HEAD", 0)

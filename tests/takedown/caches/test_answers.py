"""Reading HTTP/1.1 answers as they come."""

import pytest

from edgeward.takedown.caches.answers import MAX_HEAD, Answer, AnswerReader, NotHttp

COUNTED = b"HTTP/1.1 404 Not Found\r\nX-Purged: 0\r\nContent-Length: 4\r\n\r\ngone"
CHUNKED = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           b"3;x=y\r\nabc\r\n0B\r\nhello world\r\n0\r\nTrailer: t\r\n\r\n")  # fmt: skip
BARE = b"HTTP/1.1 204 No Content\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def read(data: bytes, *expected: tuple[str, int], step: int = 1 << 20) -> list[Answer]:
    reader = AnswerReader()
    for method, keep in expected:
        reader.expect(method, keep)
    return [answer for at in range(0, len(data), step) for answer in reader.feed(data[at : at + step])]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1 << 20])
def test_answers_in_a_row(step: int) -> None:
    """However the bytes are cut, each answer gets its own status, headers and body."""
    data = COUNTED + CHUNKED + BARE + INTERIM + COUNTED
    answers = read(data, ("GET", 100), ("GET", 100), ("PURGE", 100), ("GET", 0), step=step)
    assert [(answer.status, answer.body) for answer in answers] == [
        (404, b"gone"), (200, b"abchello world"), (204, b""), (404, b"")]  # fmt: skip
    assert answers[0].headers["x-purged"] == "0"


def test_an_answer_to_head_has_no_body() -> None:
    """The length that an answer to HEAD states is that of another answer's body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    assert [answer.status for answer in read(head + COUNTED, ("HEAD", 0), ("GET", 0))] == [200, 404]


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"]
)
def test_a_body_without_an_end_of_its_own_ends_with_the_connection(head: bytes) -> None:
    """Without length and chunks the end of the connection completes the answer, and nothing can follow."""
    reader = AnswerReader()
    reader.expect("GET", 100)
    assert reader.feed(head + b"all of it") == []
    (answer,) = reader.end()
    assert (answer.body, reader.reusable) == (b"all of it", False)


def test_repeated_headers_are_joined() -> None:
    """No line of a header that comes twice is lost."""
    (answer,) = read(b"HTTP/1.1 204 X\r\nA: 1\r\na:2\r\n\r\n", ("GET", 0))
    assert answer.headers == {"a": "1, 2"}


@pytest.mark.parametrize("connection", [b"close", b"Keep-Alive, Close"])
def test_a_connection_that_closes_is_not_used_again(connection: bytes) -> None:
    """`Connection: close` says that nothing follows."""
    reader = AnswerReader()
    reader.expect("GET", 0)
    reader.feed(b"HTTP/1.1 204 X\r\nConnection: " + connection + b"\r\n\r\n")
    assert not reader.reusable


def test_more_than_was_asked_for_ends_the_connection() -> None:
    """What follows the last answer is nobody's answer."""
    reader = AnswerReader()
    reader.expect("GET", 0)
    assert len(reader.feed(COUNTED + COUNTED)) == 1
    assert not reader.reusable


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
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n", INTERIM * 50, b"x" * (MAX_HEAD + 1),
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * MAX_HEAD + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101,
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_what_is_no_answer_is_said_so(data: bytes, step: int) -> None:
    """Garbage, contradictions and bodies longer than asked for are no answers, whatever the cut."""
    with pytest.raises(NotHttp):
        read(data, ("GET", 100), step=100 if len(data) > 2000 else step)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CHUNKED[:-3], COUNTED[:20]])
def test_an_answer_that_breaks_off_is_none(data: bytes) -> None:
    """A connection that ends in the middle of an answer has given none."""
    reader = AnswerReader()
    reader.expect("GET", 100)
    reader.feed(data)
    with pytest.raises(EOFError):
        reader.end()


def test_a_dropped_body_takes_no_memory() -> None:
    """A body that nobody keeps is dropped as it comes, however long it is."""
    reader = AnswerReader()
    reader.expect("GET", 0)
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(100):
        reader.feed(bytes(1 << 20))
    assert reader.end()[0].body == b""
    assert len(reader._buffer) == len(reader._body) == 0

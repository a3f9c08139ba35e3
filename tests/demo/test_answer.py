"""demo/answer.py against a real server."""

from collections.abc import Iterator

import pytest

from edgeward.demo.answer import HOST, ask
from edgeward.demo.origin import Origin


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


def test_an_answer_is_kept_as_it_came(origin: Origin) -> None:
    """Status, headers whatever their case, body and time are all there."""
    origin.put("/a", b"body", "text/plain")
    answer = ask(origin.address, "/a")
    assert (answer.status, answer.body) == (200, b"body")
    assert answer.header("content-TYPE") == "text/plain"
    assert answer.header("X-None") is None
    assert 0 < answer.seconds < 10


def test_only_the_headers_that_are_given_are_sent(origin: Origin) -> None:
    """No Accept-Encoding and no other header of Python's slips in: the Host is the demonstration's site."""
    answer = ask(origin.address, "/echo-headers", "OPTIONS", {"X-One": "1"})
    assert answer.json() == [["Host", HOST], ["X-One", "1"]]


def test_the_host_can_be_another(origin: Origin) -> None:
    """A Host that is given replaces the site's."""
    assert ask(origin.address, "/", "OPTIONS", {"host": "other.example"}).json() == [["host", "other.example"]]


def test_a_body_is_sent_with_its_length(origin: Origin) -> None:
    """What is posted arrives."""
    assert ask(origin.address, "/post", "POST", body=b"x" * 100_000).body == b"x" * 100_000


def test_nobody_there_is_an_error(origin: Origin) -> None:
    """An address without a server raises instead of making an answer up."""
    with pytest.raises(OSError):
        ask("127.0.0.1:1", "/")

"""demo/http_client.py against a real server."""

from collections.abc import Iterator

import pytest

from edgeward.demo.http_client import HOST, ask
from edgeward.demo.origin import Origin


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


def test_a_response_is_returned_unchanged(origin: Origin) -> None:
    """The response has status, headers (case-insensitive), body and time."""
    origin.put("/a", b"body", "text/plain")
    answer = ask(origin.address, "/a")
    assert (answer.status, answer.body) == (200, b"body")
    assert answer.header("content-TYPE") == "text/plain"
    assert answer.header("X-None") is None
    assert 0 < answer.seconds < 10


def test_only_the_headers_that_are_given_are_sent(origin: Origin) -> None:
    """Python adds no header such as Accept-Encoding; the Host is that of the demonstration."""
    answer = ask(origin.address, "/echo-headers", "OPTIONS", {"X-One": "1"})
    assert answer.json() == [["Host", HOST], ["X-One", "1"]]


def test_the_host_can_be_another(origin: Origin) -> None:
    """A given Host header replaces the default."""
    assert ask(origin.address, "/", "OPTIONS", {"host": "other.example"}).json() == [["host", "other.example"]]


def test_a_body_is_sent_with_its_length(origin: Origin) -> None:
    """A body arrives in full."""
    assert ask(origin.address, "/post", "POST", body=b"x" * 100_000).body == b"x" * 100_000


def test_no_server_is_an_error(origin: Origin) -> None:
    """A request to an address without a server raises OSError."""
    with pytest.raises(OSError):
        ask("127.0.0.1:1", "/")

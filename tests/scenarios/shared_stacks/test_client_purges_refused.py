"""Clients cannot purge or refresh the cache through Edgeward, though the cache trusts Edgeward's address."""

import socket

import pytest
from tests.scenarios.pictures import fresh

from edgeward.demo.http_client import ask
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

METHODS = ["PURGE", "purge", "Purge", "BAN", "PURGEKEYS", "REFRESH", "SOFTPURGE", "PUSH", "PROPFIND", "TRACE"]
HEADERS = [
    "Edgeward-Secret", "xkey-purge", "xkey-softpurge", "X-Ban-Url", "X-Ban-Tag", "X-Purge", "X-Refresh",
    "ATS-Purger", "Fastly-Soft-Purge", "X-PURGE-REGEX", "x-slice-range",
]  # fmt: skip


@pytest.fixture(scope="module")
def cached(front: Stack) -> Photo:
    photo = fresh()
    front.serve(photo)
    front.get(photo.path)
    assert front.held(photo.path)
    return photo


@pytest.mark.parametrize("method", METHODS)
def test_methods_that_purge_are_refused(front: Stack, cached: Photo, method: str) -> None:
    """405 in any letter case, and the cached copy stays."""
    assert ask(front.client_address, cached.path, method).status == 405
    assert front.held(cached.path)


@pytest.mark.parametrize("header", HEADERS)
def test_headers_that_purge_are_refused(front: Stack, cached: Photo, header: str) -> None:
    """403, and the cached copy stays."""
    assert ask(front.client_address, cached.path, headers={header: "1"}).status == 403
    assert front.held(cached.path)


def test_the_cache_itself_accepts_purges(front: Stack, cached: Photo) -> None:
    """The same request sent directly to the cache works: it is Edgeward that refuses."""
    photo = fresh()
    front.serve(photo)
    front.get(photo.path)
    assert ask(front.cache_address, photo.path, "PURGE").status == 200
    assert not front.held(photo.path)


@pytest.mark.parametrize(
    "head",
    [
        "GET {path} HTTP/1.1\r\nHost: photos.example\r\nHost: other.example\r\n\r\n",
        "GET {path} HTTP/1.1\r\nHost: photos.example\r\n"
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["two hosts", "length and chunks"],
)
def test_ambiguous_requests_are_refused(front: Stack, cached: Photo, head: str) -> None:
    """A request with two hosts or two lengths gets 400 and never reaches the cache."""
    host, _, port = front.client_address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head.format(path=cached.path).encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")

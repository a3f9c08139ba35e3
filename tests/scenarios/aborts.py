"""Clients that send a request and leave, and what a listing says then."""

import itertools
import socket
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

from tests.scenarios.pictures import fresh
from tests.support.eventually import until

from edgeward.demo.stack import Stack


def send(stack: Stack, path: str, *headers: str, host: str = "photos.example") -> socket.socket:
    """Send a request, whose response nobody reads. `headers`: lines besides Host."""
    address, _, port = stack.client_address.rpartition(":")
    connection = socket.create_connection((address, int(port)), timeout=60)
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection


def leave(stack: Stack, path: str, after: float, *headers: str) -> None:
    """Send a request and hang up `after` seconds."""
    with send(stack, path, *headers):
        time.sleep(after)


@contextmanager
def breaking_off(stack: Stack, path: str, *headers: str) -> Iterator[None]:
    """A client sends a request each second, and leaves after 50 ms. `path` may have a place for a number.

    It has begun when the origin was asked: on a busy machine the first requests may end before they get there."""
    sent: list[str] = []
    ended = Event()

    def client() -> None:
        for number in itertools.count():
            sent.append(path.format(number))
            leave(stack, sent[-1], 0.05, *headers)
            if ended.wait(1.0):
                return

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client)
        try:
            until(lambda: any(map(stack.origin.count, set(sent))), "the origin is asked")
            yield
        finally:
            ended.set()
        running.result()


@contextmanager
def flooding(stack: Stack, path: str, a_second: int) -> Iterator[None]:
    """A client sends so many requests each second, and leaves a second after each: one that leaves before
    the cache is asked has no effect. `path` has a place for a number."""
    ended = Event()

    def client() -> None:
        began, sent = time.monotonic(), deque[socket.socket]()
        for number in itertools.count():
            sent.append(send(stack, path.format(number)))
            if len(sent) > a_second:
                sent.popleft().close()
            if ended.wait(began + number / a_second - time.monotonic()):
                break
        for connection in sent:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client)
        try:
            yield
        finally:
            ended.set()
        running.result()


@contextmanager
def silent(stack: Stack) -> Iterator[Event]:
    """The origin does not answer below /silent until the event is set."""
    going_on = Event()
    stack.origin.put("/silent", b"late", "text/plain", thought=going_on)
    try:
        yield going_on
    finally:
        going_on.set()


def known_gone(added: dict[str, Any]) -> bool:
    """Whether the answer to a listing says that no copy is left."""
    purge = added["purge"]
    unknown = purge["owed"] or purge["refused"] or purge["unjudged"] or purge["silent_processes"]
    return bool(added["active"] and purge["matched"] and not unknown)


def listed(stack: Stack) -> dict[str, Any]:
    """The answer to the listing of an image that the cache holds."""
    photo = fresh()
    stack.serve(photo)
    stack.get(photo.path)
    added = stack.edge.add_image("removed", photo.body, wait=True)
    assert not stack.held(photo.path)
    return added


def under_way_answered(stack: Stack) -> bool:
    """Whether a worker has marked a request in progress as answered."""
    directory = stack.edge.directory / "state" / "under-way"
    return any(
        each.read_bytes()[:1] == b"\0" and each.read_bytes().strip(b"\0") for each in directory.glob("*.requests")
    )

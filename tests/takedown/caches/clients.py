"""A client of the caches under test that sends what it is told, byte for byte."""

import socket
import time
from collections.abc import Sequence

from edgeward.demo.caches import CacheServer
from edgeward.takedown.caches import CacheDriver
from edgeward.types import Cause, Delivery, PurgeOrder, Target

type Headers = tuple[tuple[str, str], ...]

ONLY_IF_CACHED = ("Cache-Control", "only-if-cached")


def say(
    cache: CacheServer, path: str, *headers: tuple[str, str], method: str = "GET", source: str = "127.0.0.1"
) -> tuple[int, bytes]:
    """One request on a connection of its own, from the address `source`: (status, body)."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    request = f"{method} {path} HTTP/1.1\r\nHost: img.test\r\n{lines}Connection: close\r\n\r\n"
    with socket.create_connection(cache.address, source_address=(source, 0), timeout=60) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def holds(cache: CacheServer, path: str, *headers: tuple[str, str]) -> bool:
    """Whether the cache has it, asked so that it is not filled."""
    status, _ = say(cache, path, *headers, ONLY_IF_CACHED)
    assert status in (200, 504)
    return status == 200


async def back(driver: CacheDriver, orders: Sequence[PurgeOrder], seconds: float = 10) -> list[Delivery]:
    """Purge until the node answers again: it may take its time after it was stopped."""
    deadline = time.monotonic() + seconds
    while True:
        deliveries = [purged.delivery for purged in await driver.purge(orders)]
        if Delivery.WAITING not in deliveries or time.monotonic() > deadline:
            return deliveries


def order(path: str, *vary: tuple[str, str]) -> PurgeOrder:
    return PurgeOrder(Target("http", "img.test", path, vary), Cause.MANUAL, 0.0)

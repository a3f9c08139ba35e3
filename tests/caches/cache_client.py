"""A client of the caches under test that sends requests byte for byte."""

import socket
import time
from collections.abc import Sequence

from edgeward.caches import CacheDriver
from edgeward.demo.caches import CacheServer
from edgeward.types import Delivery, PurgeOrder

type Headers = tuple[tuple[str, str], ...]

ONLY_IF_CACHED = ("Cache-Control", "only-if-cached")


def send(
    cache: CacheServer, path: str, *headers: tuple[str, str], method: str = "GET", source: str = "127.0.0.1"
) -> tuple[int, bytes]:
    """One request on a connection of its own, from the address `source`: (status, body)."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    request = f"{method} {path} HTTP/1.1\r\nHost: img.test\r\n{lines}Connection: close\r\n\r\n"
    with socket.create_connection(cache.address, source_address=(source, 0), timeout=60) as connection:
        connection.sendall(request.encode("latin-1"))
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def is_cached(cache: CacheServer, path: str, *headers: tuple[str, str]) -> bool:
    """Whether the cache holds it, asked without filling it."""
    status, _ = send(cache, path, *headers, ONLY_IF_CACHED)
    assert status in (200, 504)
    return status == 200


async def purge_when_up(driver: CacheDriver, orders: Sequence[PurgeOrder], seconds: float = 60) -> list[Delivery]:
    """Purge until the node responds again: a restart may take a while."""
    deadline = time.monotonic() + seconds
    while True:
        deliveries = [purged.delivery for purged in await driver.purge(orders)]
        if Delivery.WAITING not in deliveries or time.monotonic() > deadline:
            return deliveries

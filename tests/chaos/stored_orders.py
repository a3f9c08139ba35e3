"""Reads purge orders from the store without Edgeward's code, to check what Edgeward says of them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

STREAM = "edgeward:{purges}:orders"
OUTCOMES = "edgeward:{purges}:outcomes:"
ORDERS_PER_READ = 1000


@dataclass(frozen=True, slots=True)
class Order:
    """One order with its outcome at each cache: {"delivery": ..., "at": ...}."""

    id: str
    data: Mapping[str, Any]
    outcomes: Mapping[str, Mapping[str, Any]]


class StoredOrders:
    """Reads the store at a Unix socket."""

    def __init__(self, socket: Path) -> None:
        self._client = redis.Redis(
            unix_socket_path=str(socket), protocol=2, socket_timeout=20, retry=Retry(NoBackoff(), 0)
        )

    def ready(self) -> bool:
        """Whether the store answers."""
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            return False

    def orders(self) -> Iterator[Order]:
        """All of them, the oldest first."""
        items: Any = self._client.xrange(STREAM)
        for some in batched(items, ORDERS_PER_READ):
            pipe = self._client.pipeline(transaction=False)
            for order_id, _ in some:
                pipe.hgetall(OUTCOMES + order_id.decode())
            for (order_id, fields), found in zip(some, pipe.execute(), strict=True):
                outcomes = {cache.decode(): json.loads(text) for cache, text in found.items()}
                yield Order(order_id.decode(), json.loads(fields[b"order"]), outcomes)

"""Opens a client of the store, alike whether it is one server, a Sentinel set or a cluster.

A command whose connection broke is retried a few times within a fraction of a second; one that timed out is not. A
failover takes longer than that: the caller gets an error, and may try again.
"""

from typing import Any, cast

from redis import exceptions
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from edgeward.store.cluster import Cluster
from edgeward.store.sentinel import sentinel_client
from edgeward.store.server import RETRIES, RETRY_CAP_SECONDS, Server
from edgeward.store.store_address import StoreAddress, StoreKind

MAX_CONNECTIONS = 100
"""Of one client to one server. A command that finds all of them in use waits for one: each cache has a dozen tasks."""


def open_client(address: StoreAddress, timeout: float | None, connect_timeout: float) -> Server:
    """A client that is not connected yet.

    Args:
        timeout: seconds for each command; None: no limit.
        connect_timeout: seconds.
    """
    common: dict[str, Any] = {
        "protocol": 2,
        "decode_responses": False,
        "socket_timeout": timeout,
        "socket_connect_timeout": connect_timeout,
    }
    options = common | (address.options or {})
    if address.kind is StoreKind.CLUSTER:
        return cast(Server, Cluster(address.hosts, **options))  # not a subclass, but with the same commands
    backoff = ExponentialWithJitterBackoff(base=RETRY_CAP_SECONDS / 8, cap=RETRY_CAP_SECONDS)
    retry = Retry(backoff, RETRIES, supported_errors=(exceptions.ConnectionError,))
    # Waiting for a connection is part of the time of a command.
    pooled = {"retry": retry, "max_connections": MAX_CONNECTIONS, "timeout": connect_timeout}
    if address.kind is StoreKind.SENTINEL:
        return sentinel_client(address, {**options, **pooled}, connect_timeout)
    # No health_check_interval: redis-py 8.1 recurses without end when its PING is answered with NOAUTH or LOADING.
    return cast(Server, Server.from_pool(BlockingConnectionPool.from_url(address.url, **{**common, **pooled})))

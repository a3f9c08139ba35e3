"""The client of a Sentinel set: it finds the master by the sentinels, and leaves one that was replaced."""

import asyncio
import contextlib
import time
from typing import Any

from redis import exceptions
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from edgeward.store.server import Server
from edgeward.store.store_address import StoreAddress

SENTINEL_SECONDS = 0.5
"""Longest wait for one sentinel; then the next is asked."""
MASTER_CHECK_SECONDS = 0.5
"""How often sentinels are asked for the master: within the lease of a process that hears nothing."""


def sentinel_client(address: StoreAddress, options: dict[str, Any], connect_timeout: float) -> Server:
    """A client of the master, not connected yet. `options` are those of its connections."""
    sentinel_seconds = min(connect_timeout, SENTINEL_SECONDS)
    # redis-py's default Retry would try a dead sentinel ten times before it asks the next.
    own = {
        "socket_timeout": sentinel_seconds,
        "socket_connect_timeout": sentinel_seconds,
        "retry": Retry(NoBackoff(), 0),
    }
    untyped: Any = Sentinel
    sentinel = untyped(address.hosts, sentinel_kwargs={"protocol": 2, **own, **(address.sentinel_options or {})})
    client: Server = sentinel.master_for(
        address.service, redis_class=Server, connection_pool_class=_MasterPool, **options
    )
    return client


class _MasterPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the master; commands wait for one. While there are commands, the sentinels are asked again and
    again who it is.

    redis-py asks only when it connects. But a replaced master may keep running for ten seconds: a client that stays
    with it misses all changes, and its own writes are lost.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._checked_at = 0.0
        self._check: asyncio.Task[None] | None = None

    async def get_connection(self, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() - self._checked_at > MASTER_CHECK_SECONDS and (self._check is None or self._check.done()):
            self._checked_at = time.monotonic()
            self._check = asyncio.create_task(self._check_master(), name="ask the sentinels")
        return await super().get_connection(*args, **kwargs)  # type: ignore[no-untyped-call]

    async def _check_master(self) -> None:
        # If no sentinel answers, the present master is kept.
        with contextlib.suppress(exceptions.ConnectionError, exceptions.TimeoutError):
            await self.get_master_address()

    async def get_master_address(self) -> Any:
        """The master's address. If it changed, connections are replaced, each after its present command."""
        before = self.master_address
        address = await super().get_master_address()  # type: ignore[no-untyped-call]
        if address != before:
            await self.update_active_connections_for_reconnect()  # type: ignore[no-untyped-call]
        return address

    async def aclose(self) -> None:
        """Close the connections to the sentinels too: redis-py leaves them open."""
        if self._check is not None:
            self._check.cancel()
            await asyncio.gather(self._check, return_exceptions=True)
        await super().aclose()
        await self.sentinel_manager.aclose()
